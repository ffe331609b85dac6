"""Starts, watches and stops the processes of one stack, whatever they are."""

"""The order line: accept orders, buy labels, push tracking numbers, fetch messages. No label is ever bought twice.

Four stages, fired in sequence; each picks its orders by state, so it can be run again at any time without harm.
"""

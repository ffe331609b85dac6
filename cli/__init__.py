"""The command line of `run_workflow.py`: arguments -> one call of a deployed function -> a summary for people.

It never runs in the cloud, and calls the functions over HTTP as any other caller does.
"""

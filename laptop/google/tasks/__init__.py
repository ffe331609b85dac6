"""Cloud Tasks for the laptop: a durable gRPC server for the unmodified official client.

docs/cloud-tasks.md lists what it imitates and what it leaves out.
"""

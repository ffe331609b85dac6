"""Cloud Scheduler for the laptop: a durable gRPC server for the unmodified official client.

docs/cloud-scheduler.md lists what it imitates and what it leaves out.
"""

"""Cloud Scheduler for the laptop: a durable gRPC server that the unmodified official client talks to.

What it imitates and what it does not stands in docs/cloud-scheduler.md.
"""

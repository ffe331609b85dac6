"""Enrichment: takes records in, completes them by automation or by people, and loses none.

orchestrate -> (queue) -> automate -> (dead-letter queue) -> fallback -> people; reports say where everything is.
"""

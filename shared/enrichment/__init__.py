"""The record line: take records in, complete them by automation or by people, lose none.

orchestrate -> (queue) -> automate -> (dead-letter queue) -> fallback -> people; reports say where everything is.
"""

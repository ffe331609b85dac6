"""Routing: reads a record, adds its history, decides who completes it, and gives the reason. Pure.

row -> record.read_record -> PartRecord -> decision.decide(record, history, policy, config) -> Decision

Nothing is imported here, so that a caller who needs only a record's identity does not load the policies.
"""

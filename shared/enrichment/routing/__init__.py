"""What should happen to a record: read it, look at what is known of it, decide, and say why. Pure.

row -> record.read_record -> PartRecord -> decision.decide(record, history, policy, config) -> Decision

Nothing is imported here: who needs only a record's identity does not pay for the grammar of policies.
"""

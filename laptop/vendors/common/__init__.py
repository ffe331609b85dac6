"""The parts that all vendor sandboxes share: start and stop, access, controls, a settable clock, SQLite."""

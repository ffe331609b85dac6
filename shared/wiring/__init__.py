"""The composition root: the only place that builds concrete clients, each once per process, when first asked for.

Importing this is cheap; every builder imports what it builds. A function calls `common.require` when it is loaded, so
that wrong settings stop its start.
"""

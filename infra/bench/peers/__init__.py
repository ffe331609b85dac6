"""The same record job on five other systems, beside Switchyard: `python -m infra.bench.peers`, `make bench-peers`.

docs/performance.md says what is not level between them.
"""

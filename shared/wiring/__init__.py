"""The composition root: the only place that builds concrete clients.

Importing it is cheap, since every part imports what it builds. A function names the parts that it uses; wrong settings
of theirs stop its start (`shared/web/function.py`).
"""

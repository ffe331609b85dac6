"""Bounds of what a caller may send. The functions, the command line and `shared/workflow.py` share them."""

MOST_RECORDS = 100_000
"""Records that one call of `orchestrate` opens."""

MOST_LISTED = 1_000
"""Tasks, orders or runs in one list, and dead letters in one redrive."""

LONGEST_NAME = 200
LONGEST_TEXT = 10_000
LONGEST_LINK = 2_000
LINK = r"https?://[^\s\x00]+"

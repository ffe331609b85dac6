"""The reasons why a command ends without an answer; `status` is the exit status.

Failure
├── WrongUsage     2  found wrong before any call, or the answer's file cannot be written
├── NotReached     3  no usable answer: not there, not what was expected; later it may work
│   └── NoAnswer      the call was sent and its outcome is unknown: too slow, cut off, not available now
└── Refused        4  the function says no; repeating the call cannot help
"""

OK = 0
BAD_NEWS = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE


class Failure(Exception):
    status = BAD_NEWS


class WrongUsage(Failure):
    status = 2


class NotReached(Failure):
    status = 3


class NoAnswer(NotReached):
    pass


class Refused(Failure):
    status = 4

"""Why a start of the local Postgres is refused. Each message says what to do about it."""


class StartRefused(Exception):
    pass


class InstallationMissing(StartRefused):
    pass


class PlaceUnusable(StartRefused):
    """A folder that is not ours, cannot be written, or holds another version's data."""


class AlreadyRunning(StartRefused):
    pass


class PortTaken(StartRefused):
    pass


class SetUpFailed(StartRefused):
    """`initdb` or the bootstrap did not succeed; the message quotes it."""

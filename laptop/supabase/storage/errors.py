"""The errors of Supabase's Storage server: mostly HTTP 400, with the true status in the body."""

from dataclasses import dataclass

_BAD_REQUEST = 400


@dataclass(eq=False)  # not frozen: contextlib sets a passing exception's traceback
class StorageError(Exception):
    """`storage3` tells a missing object from a missing bucket by `error`, the older error code."""

    code: int
    error: str
    message: str
    status: int = _BAD_REQUEST

    def body(self) -> dict[str, str]:
        return {"statusCode": str(self.code), "error": self.error, "message": self.message}


def no_object() -> StorageError:
    return StorageError(404, "not_found", "Object not found")


def no_bucket() -> StorageError:
    return StorageError(404, "Bucket not found", "Bucket not found")


def exists() -> StorageError:
    return StorageError(409, "Duplicate", "The resource already exists")


def bad_key(key: str) -> StorageError:
    return StorageError(400, "InvalidKey", f"Invalid key: {key}")


def bad_request(message: str) -> StorageError:
    return StorageError(400, "invalid_request", message)


def too_large() -> StorageError:
    message = "The object exceeded the maximum allowed size"
    return StorageError(413, "Payload too large", message, status=413)


def forbidden() -> StorageError:
    return StorageError(403, "Unauthorized", "new row violates row-level security policy")


def not_imitated(what: str) -> StorageError:
    """Refuses what only the real service can do."""
    message = f"{what}: the local server does not imitate this (docs/supabase-local.md)"
    return StorageError(501, "NotImplemented", message, status=501)

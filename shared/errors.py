"""Every error that Switchyard raises on purpose.

    SwitchyardError
    ├── RequestRefused              the caller's request cannot be served as it is
    │   ├── UnreadableBody          400  not JSON, or not an object
    │   ├── SignInNeeded            401  the desk does not know who asks
    │   ├── Forbidden               403  the person's role does not allow it, or the request comes from another site
    │   ├── NotFound                404  no such batch, task, path
    │   ├── MethodNotAllowed        405
    │   ├── Conflict                409  somebody else holds the task, or its state forbids the call
    │   ├── UnsupportedMediaType    415
    │   └── InvalidRequest          422  well formed, but wrong; `fields` lists the errors
    ├── RetryLater                  503  the request is right; `retry_after` in seconds
    │   ├── StoreUnavailable             the database behind Supabase
    │   ├── QueueUnavailable             Cloud Tasks
    │   ├── SourceUnavailable            BigQuery
    │   └── VendorUnavailable            a vendor could not be reached
    ├── StoreRefused                500  the database refused a call that should have been legal
    │   └── StoreMisconfigured           whatever the call is about: our key, a right, a table or a function is missing
    ├── SettingsInvalid             500  an environment variable is missing or out of range
    ├── PolicyInvalid               500  a policy file cannot be used; the detail names file and rule
    └── ManufacturersInvalid        500  the table of manufacturers cannot be used; the detail names file and entry

`code` is stable and machine-readable, `retriable` says whether the same request can succeed later without a change,
`status` is the HTTP status at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field: `field` is a dotted path into the request."""

    field: str
    message: str


class SwitchyardError(Exception):
    code = "internal"
    title = "Internal error"
    status = 500
    retriable = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RequestRefused(SwitchyardError):
    code = "request_refused"
    title = "Request refused"
    status = 400


class UnreadableBody(RequestRefused):
    code = "unreadable_body"
    title = "Unreadable body"


class SignInNeeded(RequestRefused):
    code = "sign_in_needed"
    title = "Please sign in"
    status = 401


class Forbidden(RequestRefused):
    code = "forbidden"
    title = "Not allowed"
    status = 403


class NotFound(RequestRefused):
    code = "not_found"
    title = "Not found"
    status = 404


class MethodNotAllowed(RequestRefused):
    code = "method_not_allowed"
    title = "Method not allowed"
    status = 405

    def __init__(self, detail: str, allowed: Sequence[str]) -> None:
        super().__init__(detail)
        self.allowed = tuple(allowed)


class Conflict(RequestRefused):
    code = "conflict"
    title = "Conflict"
    status = 409


class UnsupportedMediaType(RequestRefused):
    code = "unsupported_media_type"
    title = "Unsupported media type"
    status = 415


class InvalidRequest(RequestRefused):
    code = "invalid_request"
    title = "Invalid request"
    status = 422

    def __init__(self, detail: str, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.fields = tuple(fields)


class RetryLater(SwitchyardError):
    code = "retry_later"
    title = "Service unavailable"
    status = 503
    retriable = True

    def __init__(self, detail: str, retry_after: float = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StoreUnavailable(RetryLater):
    code = "store_unavailable"


class QueueUnavailable(RetryLater):
    code = "queue_unavailable"


class SourceUnavailable(RetryLater):
    code = "source_unavailable"


class VendorUnavailable(RetryLater):
    """`cause` is a text of `shared.fulfillment.ports.Cause`: whether to wait, or to have our account mended."""

    code = "vendor_unavailable"

    def __init__(self, detail: str, retry_after: float = 5, cause: str = "away") -> None:
        super().__init__(detail, retry_after)
        self.cause = cause


class StoreRefused(SwitchyardError):
    code = "store_refused"
    title = "Store refused the call"


class StoreMisconfigured(StoreRefused):
    """No record has a part in it."""


class SettingsInvalid(SwitchyardError):
    code = "settings_invalid"
    title = "Settings invalid"


class PolicyInvalid(SwitchyardError):
    code = "policy_invalid"
    title = "Policy invalid"


class ManufacturersInvalid(SwitchyardError):
    code = "manufacturers_invalid"
    title = "Manufacturers invalid"

"""The marketplace's answers without data, in both error shapes."""

from starlette.responses import JSONResponse, Response

from laptop.faults import Fault, FaultKind


def error(status: int, message: str, code: str | None = None, retry_after: float | None = None) -> Response:
    body: dict[str, object] = {"message": message, "status": status}
    headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
    return JSONResponse(body | ({"code": code} if code else {}), status, headers)


def invalid(field: str, message: str) -> Response:
    """The shape of a failed validation."""
    return JSONResponse({"errors": [{"code": "VALIDATION_ERROR", "field": field, "message": message}]}, 400)


def over_the_limit(parameter: str, limit: int) -> Response:
    """The real service's sentence."""
    return error(400, f"The limit of {limit} is exceeded for the parameter : {parameter}")


def done() -> Response:
    return Response(status_code=204)


def injected(fault: Fault) -> Response:
    """A fault's answer in the vendor's shape."""
    if fault.kind is FaultKind.RATE_LIMITED:
        wait = 5 if fault.seconds is None else fault.seconds
        return error(429, "Too many requests", retry_after=wait)
    return error(fault.status or 500, "injected by the fault plan")

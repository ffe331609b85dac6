"""How a service says no: a gRPC status and a text."""

import grpc


class Refused(Exception):
    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def unavailable(message: str) -> Refused:
    return Refused(grpc.StatusCode.UNAVAILABLE, message)


def not_imitated(what: str, service: str) -> Refused:
    """`service` is a product's name, such as Cloud Tasks."""
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"{what} is not imitated by the local {service} server.")

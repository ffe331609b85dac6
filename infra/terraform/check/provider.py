"""A Terraform provider that answers with its schema and accepts every configuration.

It speaks version 6 of Terraform's plugin protocol (tfplugin6.proto) over gRPC. The messages are encoded here: generated
code would be one package more, and only one answer is not empty.
"""

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

SCHEMA = Path(__file__).with_name("schema.json")
NESTING = {"single": 1, "list": 2, "set": 3}


def varint(number: int) -> bytes:
    """Protobuf's integer: seven bits a byte, the lowest first, the eighth bit set on all but the last."""
    rest, seven_bits = divmod(number, 0x80)
    return bytes([seven_bits]) if not rest else bytes([seven_bits | 0x80]) + varint(rest)


def message(fields: Mapping[int, bytes | int | list[bytes]]) -> bytes:
    """A protobuf message, by field number; a list is a repeated field."""
    encoded = b""
    for number, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int):
                encoded += varint(number << 3) + varint(each)
            else:
                encoded += varint(number << 3 | 2) + varint(len(each)) + each
    return encoded


def attribute(name: str, spec: Mapping[str, Any]) -> bytes:
    mode = spec["mode"]
    return message(
        {
            1: name.encode(),
            2: json.dumps(spec["type"]).encode(),
            4: mode == "required",
            5: mode == "optional",
            6: mode != "required",  # computed: an optional argument that is left out gets a value from Google
        }
    )


def nested_block(name: str, spec: Mapping[str, Any]) -> bytes:
    return message(
        {1: name.encode(), 2: block(spec), 3: NESTING[spec["nesting"]], 4: spec["min"], 5: spec["max"]}
    )


def block(spec: Mapping[str, Any]) -> bytes:
    return message(
        {
            2: [attribute(*named) for named in spec["attributes"].items()],
            3: [nested_block(*named) for named in spec["blocks"].items()],
        }
    )


def schema(spec: Mapping[str, Any]) -> bytes:
    return message({2: block(spec)})


def provider_schema(spec: Mapping[str, Any]) -> bytes:
    """The answer to GetProviderSchema."""

    def by_type(schemas: Mapping[str, Any]) -> list[bytes]:
        return [message({1: name.encode(), 2: schema(each)}) for name, each in schemas.items()]

    return message(
        {1: schema(spec["provider"]), 2: by_type(spec["resources"]), 3: by_type(spec["data_sources"])}
    )


@contextmanager
def serving(spec: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Serves on a free port; yields the environment in which terraform uses this provider and asks no registry."""
    answers = {
        "GetProviderSchema": provider_schema(spec),
        "ValidateProviderConfig": b"",
        "ValidateResourceConfig": b"",
        "ValidateDataResourceConfig": b"",
        "ConfigureProvider": b"",
        "StopProvider": b"",
    }
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        name: grpc.unary_unary_rpc_method_handler(lambda _request, _context, answer=answer: answer)
        for name, answer in answers.items()
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("tfplugin6.Provider", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    address = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,  # terraform does not end the process
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({spec["source"]: address})}
    finally:
        server.stop(None).wait()

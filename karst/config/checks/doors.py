"""Published ports: addresses of the host, each for one service only."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from karst.config.checks.written import WrittenService
from karst.config.document import Path, render_path
from karst.config.faults import Fault
from karst.config.schema import PublishModel

_PORT = re.compile(r"[0-9]{1,5}")
_ANY = "0.0.0.0"  # noqa: S104  what a user may write, not what is bound here


def parse_listen(text: str | int) -> tuple[str, int]:
    """Return (IPv4 address, port) for "ADDR:PORT" or a port; raises ValueError."""
    address, colon, port = str(text).rpartition(":")
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise ValueError(f"'{text}' has no port from 1 to 65535")
    if not colon or address == "localhost":
        return "127.0.0.1", int(port)
    try:
        return str(ipaddress.IPv4Address(address)), int(port)
    except ValueError as error:
        raise ValueError(f"'{address}' in '{text}' is no IPv4 address") from error


def listen_of(service: WrittenService) -> tuple[str | int, Path]:
    """Return what is written as the door's address, and where below the service."""
    publish = service.model.publish
    if isinstance(publish, PublishModel):
        return publish.listen, ("publish", "listen")
    return publish or "", ("publish",)


def check_doors(services: Sequence[WrittenService]) -> Iterator[Fault]:
    taken: list[tuple[str, int, WrittenService]] = []
    for service in services:
        if service.model.publish is None:
            continue
        written, path = listen_of(service)
        try:
            address, port = parse_listen(written)
        except ValueError as error:
            yield service.fault(
                str(error),
                "write it as 127.0.0.1:8080, or as 0.0.0.0:8080 for every address",
                *path,
            )
            continue
        for other_address, other_port, other in taken:
            if port == other_port and (
                address == other_address or _ANY in (address, other_address)
            ):
                yield service.fault(
                    f"{address}:{port} is already published by "
                    f"{render_path(other.path)} as {other_address}:{other_port}",
                    "choose another port",
                    *path,
                )
                break
        taken.append((address, port, service))

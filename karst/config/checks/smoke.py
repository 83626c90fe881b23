"""Smoke requests: what an end-to-end run can ask, and of whom."""

from __future__ import annotations

import re
from collections.abc import Iterator

from karst.config.checks.ports import HTTP_PATH
from karst.config.checks.written import WrittenService
from karst.config.faults import Fault
from karst.config.schema import SmokeModel

# RFC 9110, 5.6.2 and 5.5: nothing that could end a header.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[ -~]*")


def check_smoke(service: WrittenService) -> Iterator[Fault]:
    requests = service.model.smoke
    if requests and service.protocol != "http":
        yield service.fault(
            f"smoke requests are HTTP's, and '{service.name}' speaks {service.protocol}",
            "remove 'smoke', or write 'protocol: http'",
            "smoke",
        )
    for i, entry in enumerate(requests):
        path = entry.path if isinstance(entry, SmokeModel) else entry
        if not HTTP_PATH.fullmatch(path):
            yield service.fault(
                f"'{path}' is no path of a URL",
                "begin it with '/', and escape spaces and letters beyond ASCII",
                "smoke",
                i,
                *(["path"] if isinstance(entry, SmokeModel) else []),
            )
        headers = entry.headers if isinstance(entry, SmokeModel) else {}
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not _VALUE.fullmatch(value):
                yield service.fault(
                    "this is no HTTP header",
                    "use letters, digits and '-' for its name, and printable ASCII for its value",
                    "smoke",
                    i,
                    "headers",
                    name,
                )

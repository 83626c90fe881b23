"""A request as a fake forge got it, and the reply that it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What came in; header names are lower case.

    Attributes:
        target: path and query as they were sent.
        host: the `host:port` of the listener that it came to.
    """

    method: str
    target: str
    host: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    def query(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        values = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return values[name][-1] if name in values else default

    def queries(self, name: str) -> list[str]:
        """Every value of a query parameter, in the order that they were sent in."""
        return parse_qs(urlsplit(self.target).query).get(name, [])

    def json(self) -> Any:
        return json.loads(self.body)

    def text(self) -> str:
        """Everything that was sent, for tests that look for a token."""
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        body = self.body.decode(errors="replace")
        return f"{self.method} {self.target}\n{head}\n{body}"


@dataclass(frozen=True)
class Reply:
    """What goes out: a JSON document, or bytes with a content type of their own.

    Attributes:
        document: sent as JSON where `body` is None; None for no body at all.
        keep: how many bytes of the body are sent before the line is cut; None: all.
        pause: seconds to wait before the head is sent.
        drip: seconds to wait before each 64 KiB of the body.
    """

    status: int = 200
    document: Any = None
    body: bytes | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    keep: int | None = None
    pause: float = 0.0
    drip: float = 0.0

    def content(self) -> bytes:
        if self.body is not None:
            return self.body
        return b"" if self.document is None else json.dumps(self.document).encode()

    def having(self, **headers: str) -> Reply:
        """Return it with more headers; `_` in a name stands for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

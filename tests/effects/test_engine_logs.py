"""Log lines as the engine streams them: in chunks that end anywhere, of apps that print anything."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from docker.types import CancellableStream
from urllib3.exceptions import ProtocolError

from karst.effects.engine import Engine
from karst.errors import EngineError

# The engine's library looks for IPv6 with a socket when it is first imported.
pytestmark = pytest.mark.processes


def read(chunks: Iterator[bytes]) -> Iterator[str]:
    client: Any = SimpleNamespace(api=SimpleNamespace(logs=lambda *_, **__: chunks))
    return Engine(client, "host", "1", "linux/amd64").logs("app")


def test_lines_are_joined_from_chunks() -> None:
    chunks = [b"on", b"e\r\n", b"\ntwo\nthr", "\N{EURO SIGN}".encode()[:1], b"\xff"]
    assert list(read(iter(chunks))) == ["one", "", "two", "thr\ufffd\ufffd"]


def test_a_line_without_end_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("karst.effects.engine._LONGEST_LINE", 100)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 60

    found = read(endless())
    assert [len(next(found)) for _ in range(3)] == [120, 120, 120]


def test_a_broken_connection_is_not_the_end() -> None:
    """The library's wrapper says that it is."""

    def broken() -> Iterator[bytes]:
        yield b"one\n"
        raise ProtocolError("Connection broken")

    response: Any = None
    found = read(CancellableStream(broken(), response))
    assert next(found) == "one"
    with pytest.raises(EngineError, match="does not answer"):
        next(found)

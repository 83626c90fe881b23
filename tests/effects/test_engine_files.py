"""Files out of images: an image is somebody's, and may be of any size."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import pytest

from karst.effects.engine import Engine
from karst.effects.engine_volumes import read_file
from karst.errors import EngineError

# The engine's library looks for IPv6 with a socket when it is first imported.
pytestmark = pytest.mark.processes


def read(stream: Iterator[bytes]) -> bytes | None:
    client: Any = SimpleNamespace(
        api=SimpleNamespace(get_archive=lambda *_: (stream, {}))
    )
    engine = Engine(client, "host", "1", "linux/amd64")
    return read_file(engine, "image", "/etc/passwd")


def header(size: int) -> bytes:
    info = tarfile.TarInfo("passwd")
    info.size = size
    return info.tobuf()


def test_a_file_comes_out_whole() -> None:
    assert read(iter([header(3), b"abc".ljust(512, b"\0"), bytes(1024)])) == b"abc"


def test_a_file_of_any_size_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("karst.effects.engine_volumes._LARGEST", 1 << 20)
    pieces = repeat(bytes(io.DEFAULT_BUFFER_SIZE), 1 << 10)
    with pytest.raises(EngineError, match="more than 1 MiB"):
        read(chain([header(1 << 33)], pieces))
    assert next(pieces, None) is not None

"""Files out of images: an image is somebody's, and may be of any size."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from itertools import chain, repeat
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound

from karst.effects.engine import Engine
from karst.effects.engine_volumes import read_file, read_folders, read_volumes
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


def refusing(words: str) -> Engine:
    """An engine that answers 404 to a question for files, with these words."""

    def refuse(*_: Any) -> Any:
        raise NotFound("404", explanation=words)

    api = SimpleNamespace(
        create_container=lambda *_, **__: {"Id": "carrier"},
        create_host_config=lambda **_: {},
        get_archive=refuse,
        remove_container=lambda *_, **__: None,
    )
    client: Any = SimpleNamespace(api=api)
    return Engine(client, "host", "1", "linux/amd64")


@pytest.mark.parametrize("ask", [read_volumes, read_folders])
def test_a_file_that_is_not_there_is_no_fault(ask: Any) -> None:
    engine = refusing("Could not find the file /v/0/state in container carrier")
    assert ask(engine, "image", ["volume"], "state") == {}


@pytest.mark.parametrize("ask", [read_volumes, read_folders])
def test_a_carrier_that_another_run_removed_says_nothing_of_its_volumes(
    ask: Any,
) -> None:
    """A state that counts as not there would be made anew."""
    engine = refusing("No such container: carrier")
    with pytest.raises(EngineError, match="the engine refused"):
        ask(engine, "image", ["volume"], "state")

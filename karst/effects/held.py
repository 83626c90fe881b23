"""A lock on an engine that its holder's death releases: a container that reads.

Its standard input is a connection to whoever holds it. The connection ends with the
holder, however that ends; the container reads the end of the input, and is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from karst.effects.engine import Engine, telling

_PROGRAM = "import sys; sys.stdin.buffer.read()"
# Between its making and its start a container has no holder yet.
_UNSTARTED_SECONDS = 30.0


def hold(
    engine: Engine, image: str, name: str, labels: Mapping[str, str]
) -> AbstractContextManager[None] | None:
    """Take the lock `name`; None where somebody else has it. Raises EngineError."""
    from docker.errors import APIError

    api = engine.client.api
    with telling(f"locking {name}"):
        try:
            made = api.create_container(
                image,
                entrypoint=["python3", "-I", "-S", "-c", _PROGRAM],
                command=[],
                name=name,
                labels=dict(labels),
                stdin_open=True,
                user="65534:65534",
                host_config=api.create_host_config(
                    auto_remove=True,
                    network_mode="none",
                    read_only=True,
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges:true"],
                ),
            )
        except APIError as error:
            if error.status_code != 409:
                raise
            _forget_unstarted(engine, name)
            return None
        connection = api.attach_socket(made["Id"], params={"stdin": 1, "stream": 1})
        api.start(made["Id"])
    return _holding(engine, made["Id"], connection)


def holder_of(engine: Engine, name: str) -> str:
    """Who holds the lock, as its label says; "?" where nobody does."""
    found = engine.container(name)
    return found.labels.get("karst.holder", "?") if found else "?"


@contextmanager
def _holding(engine: Engine, container: str, connection: Any) -> Iterator[None]:
    try:
        yield
    finally:
        # The library hands out a file over the socket, which closing leaves open.
        connection._response.close()
        connection.close()
        engine.remove(container)


def _forget_unstarted(engine: Engine, name: str) -> None:
    """Remove a lock whose holder died before it could hold it."""
    from docker.errors import APIError, NotFound

    try:
        found = engine.client.api.inspect_container(name)
    except NotFound:
        return
    made = datetime.fromisoformat(found["Created"][:19]).replace(tzinfo=UTC)
    age = (datetime.now(UTC) - made).total_seconds()
    if found["State"]["Status"] == "created" and age > _UNSTARTED_SECONDS:
        # By now its holder may have started it: unforced, the engine then refuses.
        with suppress(APIError):
            engine.client.api.remove_container(found["Id"])

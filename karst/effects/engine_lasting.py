"""Containers that all runs on an engine share, and that outlive them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from karst.effects.engine import Engine, telling

# What the engine answers where another run has made, or has removed, the same one.
_TAKEN, _GONE = 409, 404
_PATIENCE = 20.0


def ensure_running(engine: Engine, name: str, settings: Mapping[str, Any]) -> bool:
    """Have a long-lived container of exactly this image running; True: it was (re)made.

    Another run may want the same at this moment: what it has made is well.
    """
    tries = Retrying(
        stop=stop_after_delay(_PATIENCE),
        wait=wait_fixed(0.2),
        retry=retry_if_exception(_is_of_another_run),
        # Once more: an engine that was slow to refuse may do it by now.
        retry_error_callback=lambda _: _have(engine, name, settings),
    )
    with telling(f"starting {name}"):
        return tries(_have, engine, name, settings)


def _have(engine: Engine, name: str, settings: Mapping[str, Any]) -> bool:
    present = engine.container(name)
    if present and present.image == settings["image"]:
        if not present.running:
            engine.client.api.start(name)
        return False
    if present:
        engine.remove(name)
    engine.client.containers.run(name=name, detach=True, **settings)
    return True


def _is_of_another_run(error: BaseException) -> bool:
    from docker.errors import APIError, ImageNotFound

    if not isinstance(error, APIError) or isinstance(error, ImageNotFound):
        return False
    return error.status_code in (_TAKEN, _GONE)

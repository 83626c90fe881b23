"""The probe container's third question: requests of the user's own, over mutual TLS."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from karst.runner.probe_calls import Identity, ProbeError, connect

_BODY_LIMIT = 1 << 20


def ask_smoke(request: dict[str, Any]) -> None:
    """Print one JSON line per request: its id, well, detail, status, latency_ms.

    `request` is as for the health probe, and each of its `services` has `asks`: id,
    method, path, headers, body, status (or None: below 400), contains (or "").
    """
    identity = Identity(**request["identity"])
    for service in request["services"]:
        for ask in service["asks"]:
            print(
                json.dumps({"id": ask["id"], **_ask(service, ask, identity)}),
                flush=True,
            )


def _ask(
    service: dict[str, Any], ask: dict[str, Any], identity: Identity
) -> dict[str, Any]:
    began = time.monotonic()
    status: int | None = None
    try:
        status, body = _send(service, ask, identity)
        detail = _judge(ask, status, body)
    except (ProbeError, OSError, ValueError, http.client.HTTPException) as error:
        detail = str(error) or type(error).__name__
    latency = round((time.monotonic() - began) * 1000, 2)
    well = not detail
    return {
        "well": well,
        "detail": detail or str(status),
        "status": status,
        "latency_ms": latency if status is not None else None,
    }


def _send(
    service: dict[str, Any], ask: dict[str, Any], identity: Identity
) -> tuple[int, str]:
    address = (service["address"], service["port"])
    timeout = float(ask["timeout"])
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    connection.sock = connect(
        address, service["server_id"], identity, timeout, ("http/1.1",)
    )
    # `localhost` is the name that apps commonly allow, as in the health probe.
    headers = {"Host": f"localhost:{service['port']}", "User-Agent": "karst-smoke"}
    try:
        connection.request(
            ask["method"],
            ask["path"],
            body=ask["body"].encode() if ask.get("body") else None,
            headers={**headers, **ask.get("headers", {})},
        )
        answer = connection.getresponse()
        return answer.status, answer.read(_BODY_LIMIT).decode("utf-8", "replace")
    finally:
        connection.close()


def _judge(ask: dict[str, Any], status: int, body: str) -> str:
    """What is wrong with the answer; "" for nothing."""
    wanted = ask.get("status")
    if status != wanted if wanted else status >= 400:
        return f"{status}, wanted {wanted or 'below 400'}"
    if ask.get("contains") and ask["contains"] not in body:
        return f"{status}, without {ask['contains']!r} in its {len(body)} characters"
    return ""

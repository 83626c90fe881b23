"""The probe container's other question: Envoy's statistics, over mutual TLS."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any

from karst.runner.probe_calls import Identity, ProbeError, connect

ADMIN_PORT = 9901  # where the request names no other


def ask_stats(request: dict[str, Any]) -> None:
    """Print one JSON line per service: its name and its lines, or the reason.

    `request` is as for the health probe, with `filter`: a part of a name, or "".
    """
    identity = Identity(**request["identity"])
    query = {"filter": _literal(request["filter"])} if request.get("filter") else {}
    path = "/stats" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    for service in request["services"]:
        answer: dict[str, Any] = {"name": service["name"]}
        try:
            answer["lines"] = _get(service, path, identity, float(request["deadline"]))
        except (ProbeError, OSError, http.client.HTTPException) as error:
            answer["reason"] = str(error)
        print(json.dumps(answer), flush=True)


def _literal(text: str) -> str:
    # Envoy takes a regular expression; a person writes a part of a name.
    return "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in text)


def _get(
    service: dict[str, Any], path: str, identity: Identity, timeout: float
) -> list[str]:
    port = (service.get("ports") or {}).get("admin", ADMIN_PORT)
    address = (service["address"], port)
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    connection.sock = connect(address, service["server_id"], identity, timeout)
    try:
        connection.request("GET", path, headers={"Host": service["dns"]})
        answer = connection.getresponse()
        body = answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status != 200:
        raise ProbeError(f"GET {path}: {answer.status}")
    return body.splitlines()

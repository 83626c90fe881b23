"""The probe container's question about edges: who is let in, and who is turned away.

A wrong answer is asked again for a while, for a sidecar may just be taking up a new set;
the last one counts. Keys of callers that the request brings along are blanked on disk
before the first question.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from karst.runner.edge_calls import Answer, answered, shut, turned_away, unlocked
from karst.runner.probe_calls import Identity, load_context

PAUSE = 0.5
TIMEOUT = 5.0
_ASKS = {
    "answered": answered,
    "shut": shut,
    "turned away": turned_away,
    "unlocked": unlocked,
}


def ask_edges(request: dict[str, Any]) -> None:
    """Print one JSON line per question: its id, well, detail, latency_ms.

    `request`: `asks` (each with `id` and `kind`, and what its kind needs), `patience`
    (seconds for which a wrong answer is asked again), `deadline` (seconds after which
    nothing new is asked), `at_once`.
    """
    began = time.monotonic()
    patience, deadline = (began + float(request[k]) for k in ("patience", "deadline"))
    pending = list(request["asks"])
    _take_keys(pending)
    with ThreadPoolExecutor(int(request["at_once"])) as pool:
        while pending:
            found = list(pool.map(lambda ask: _ask(ask, deadline), pending))
            again = time.monotonic() + PAUSE < min(patience, deadline)
            wrong = []
            for ask, answer in zip(pending, found, strict=True):
                if answer.well or not again:
                    _tell(ask, answer)
                else:
                    wrong.append(ask)
            pending = wrong
            if pending:
                time.sleep(PAUSE)


def _take_keys(asks: list[dict[str, Any]]) -> None:
    """Load every caller's key, then leave nothing of it in the container's files."""
    identities = {Identity(**ask["identity"]) for ask in asks if "identity" in ask}
    for identity in identities:
        load_context(identity, ())
    for identity in identities:
        os.truncate(identity.key, 0)


def _ask(ask: dict[str, Any], deadline: float) -> Answer:
    if time.monotonic() > deadline:
        return Answer(False, "not asked: the time was over before its turn came")
    try:
        return _ASKS[ask["kind"]](ask, TIMEOUT)
    except Exception as error:
        return Answer(False, f"not proven: {error!r}")


def _tell(ask: dict[str, Any], answer: Answer) -> None:
    print(json.dumps({"id": ask["id"], **answer._asdict()}), flush=True)

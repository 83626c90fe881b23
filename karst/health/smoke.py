"""Smoke requests: what repos.yaml asks of an HTTP service, through the mesh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from karst.config.spec import SmokeSpec
from karst.health.asking import (
    IDENTITY_FILES,
    ProbeSetting,
    Question,
    parse_line,
    run_probe,
)


@dataclass(frozen=True)
class SmokeVerdict:
    """What one request got.

    Attributes:
        asked: "GET /orders".
        well: the answer is what repos.yaml wants.
        detail: the status, or what is wrong, one sentence.
        latency_ms: of an answered request, else None.
    """

    service: str
    asked: str
    well: bool
    detail: str
    latency_ms: float | None = None


def ask_smoke(
    setting: ProbeSetting,
    questions: Iterable[Question],
    requests: Mapping[str, tuple[SmokeSpec, ...]],
) -> tuple[SmokeVerdict, ...]:
    """Ask each service's requests in their order, one after the other."""
    asked: dict[str, tuple[str, SmokeSpec]] = {}
    services = []
    for question in questions:
        name = question.identity.service
        asks = []
        for i, request in enumerate(requests.get(name, ())):
            asks.append({"id": f"{name} {i}", **asdict(request)})
            asked[f"{name} {i}"] = (name, request)
        services.append(
            {
                "address": question.address,
                "port": question.agent["port"],
                "server_id": question.identity.uri,
                "asks": asks,
            }
        )
    if not asked:
        return ()
    whole = {"mode": "smoke", "identity": IDENTITY_FILES, "services": services}
    answers: dict[str, dict[str, Any]] = {}
    said = ""
    for line in run_probe(setting, whole):
        answer = parse_line(line)
        if answer and answer.get("id") in asked:
            answers[answer["id"]] = answer
        else:
            said = line
    lost = {
        "well": False,
        "detail": f"the probe ended without an answer {said}".strip(),
    }
    return tuple(
        _verdict(name, spec, answers.get(key, lost))
        for key, (name, spec) in asked.items()
    )


def _verdict(service: str, spec: SmokeSpec, answer: Mapping[str, Any]) -> SmokeVerdict:
    return SmokeVerdict(
        service,
        f"{spec.method} {spec.path}",
        answer["well"],
        answer["detail"],
        answer.get("latency_ms"),
    )

"""The edge matrix: who was let in, who was turned away, and who should not have been.

An allowed edge is asked in its caller's network namespace, in clear, as the app asks: so
it is the caller's own sidecar that proves who it is, and no key leaves it. A denied one
must be closed there, too, and besides the callee itself must refuse the caller's
identity: for that a probe gets a certificate of the caller's, for minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from karst.errors import EngineError
from karst.health.asking import ProbeSetting, parse_line, run_container
from karst.health.edge_questions import Member, Questions, render_questions
from karst.pki import Identity

Expected = Literal["allowed", "denied", "plaintext"]
_AT_ONCE = 8
_CONTAINERS_AT_ONCE = 4
# What a probe's container and its last round take beside the time given to it.
_MARGIN = 60.0


@dataclass(frozen=True)
class EdgeVerdict:
    """What one caller got from one callee.

    Attributes:
        caller: a service, a door (`karst-door-web`), or "" where nobody's certificate
            was shown ("plaintext").
        callee: the service that was dialled.
        expected: "allowed" must be answered; "denied" must be refused for the caller's
            identity; "plaintext" must be refused without a certificate.
        well: what was expected is what happened.
        latency_ms: of an answered request as the caller sees it, else None.
        detail: what was asked and what came back, one sentence.
    """

    caller: str
    callee: str
    expected: Expected
    well: bool
    latency_ms: float | None = None
    detail: str = ""


def ask_edges(
    setting: ProbeSetting,
    members: Iterable[Member],
    edges: Mapping[str, tuple[str, ...]],
    *,
    patience: float = 10.0,
) -> tuple[EdgeVerdict, ...]:
    """Ask every pair of `members`, and every member without a certificate.

    Args:
        edges: caller => callees it may call; every other pair must be refused.
        patience: seconds for which a wrong answer is asked again.
    """
    questions = render_questions(tuple(members), edges)
    count = sum(map(len, (questions.outside, *questions.inside.values())))
    request = {
        "mode": "edges",
        "patience": patience,
        "deadline": patience + 20.0 + count * 0.05,
        "at_once": _AT_ONCE,
    }
    work = [partial(_ask_outside, setting, request, questions)]
    work += [
        partial(_ask_inside, setting, request, container, asks)
        for container, asks in questions.inside.items()
    ]
    answers: dict[str, dict[str, Any]] = {}
    pool = ThreadPoolExecutor(_CONTAINERS_AT_ONCE)
    try:
        for found in [pool.submit(each) for each in work]:
            answers |= found.result()
    finally:
        # Nobody waits for what has not begun where one failed, or a user gave up.
        pool.shutdown(wait=True, cancel_futures=True)
    verdicts = [
        EdgeVerdict(
            pair.caller, pair.callee, pair.expected, **_join(answers, pair.asks)
        )
        for pair in questions.pairs
    ]
    return tuple(verdicts)


def _ask_outside(
    setting: ProbeSetting, request: Mapping[str, Any], questions: Questions
) -> dict[str, dict[str, Any]]:
    """From a container on the mesh, with each caller's identity and with none."""
    lifetime = timedelta(seconds=request["deadline"] + _MARGIN)
    files = {"ca.pem": setting.authority.bundle_pem}
    for caller in questions.callers:
        leaf = setting.authority.issue(
            Identity(setting.stack, caller), now=setting.now, lifetime=lifetime
        )
        files[f"{caller}.crt"] = leaf.certificate_pem
        files[f"{caller}.key"] = leaf.key_pem.reveal()
    whole = {**request, "asks": questions.outside}
    return _collect(run_container(setting, whole, files), questions.outside)


def _ask_inside(
    setting: ProbeSetting,
    request: Mapping[str, Any],
    container: str,
    asks: list[dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """In a caller's namespace: a container there has nobody's key."""
    state = setting.engine.container(container)
    if state is None or not state.running:
        return _all(asks, f"not asked: {container} does not run")
    whole = {**request, "asks": asks}
    lines = run_container(setting, whole, {}, network=f"container:{state.id}")
    try:
        return _collect(lines, asks)
    except EngineError as error:
        return _all(asks, f"not asked: {error.what} {error.detail}".rstrip())


def _collect(
    lines: Iterator[str], asks: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    found = _all(asks, "the probe ended without an answer")
    said = []
    for line in lines:
        answer = parse_line(line)
        if answer and answer.get("id") in found:
            found[answer.pop("id")] = answer
        else:
            said.append(line)
    if said:
        lost = f"the probe ended without an answer: {said[-1]}"
        found |= {
            key: {**answer, "detail": lost}
            for key, answer in found.items()
            if answer["detail"] == "the probe ended without an answer"
        }
    return found


def _all(asks: list[dict[str, Any]], detail: str) -> dict[str, dict[str, Any]]:
    return {ask["id"]: {"well": False, "detail": detail} for ask in asks}


def _join(answers: Mapping[str, Any], asks: tuple[str, ...]) -> dict[str, Any]:
    """One answer of several: well if all are, told by the first that is not."""
    found = [answers[ask] for ask in asks]
    wrong = [answer for answer in found if not answer["well"]]
    told = (wrong or found)[0]
    detail = told["detail"] if wrong else "; ".join(a["detail"] for a in found)
    return {
        "well": not wrong,
        "detail": detail,
        "latency_ms": None if wrong else told.get("latency_ms"),
    }

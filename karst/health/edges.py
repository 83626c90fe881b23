"""The edge matrix: who was let in, who was turned away, and who should not have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Expected = Literal["allowed", "denied", "plaintext"]


@dataclass(frozen=True)
class EdgeVerdict:
    """What one caller got from one callee.

    Attributes:
        caller: a service, or "" where nobody's certificate was shown ("plaintext").
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

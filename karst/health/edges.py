"""Edges of the mesh: what was tried between two services, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Expected = Literal["allowed", "denied", "plaintext"]


@dataclass(frozen=True)
class EdgeVerdict:
    """One attempt to reach a service.

    Attributes:
        caller: the service that called, "" for somebody without a certificate.
        callee: the service that was dialled.
        expected: "allowed" must be answered; "denied" (a certificate that may not
            call) and "plaintext" (no TLS) must be refused.
        well: it went as expected.
        latency_ms: of the answer over mTLS, or None where there was none.
        detail: one sentence on what came back.
    """

    caller: str
    callee: str
    expected: Expected
    well: bool
    latency_ms: float | None = None
    detail: str = ""

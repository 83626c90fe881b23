"""Terraform's own words, and the sentence that each becomes."""

from __future__ import annotations

import pytest

from karst.command import Command, Outcome
from karst.errors import (
    DiskFullError,
    EngineError,
    KarstError,
    NetworkClashError,
    ProviderMissingError,
    StalePlanError,
    StateLockedError,
    TerraformError,
)
from karst.terraform.faults import explain

LOCKED = """╷
│ Error: Error acquiring the state lock
│
│ Error message: resource temporarily unavailable
│ Lock Info:
│   ID:        1f0e-22
│   Path:      stack.tfstate
│   Operation: OperationTypeApply
│   Who:       ann@build
╵"""

CUT_SHORT = """
Error: Failed to load "stack.plan" as a plan file

Error: couldn't load the provided path as either a local plan file (zip: not
a valid zip file) or a saved cloud plan (invalid character 'P' looking for
beginning of value)
"""


@pytest.mark.parametrize(
    ("stderr", "kind", "what"),
    [
        (LOCKED, StateLockedError, "the state is locked"),
        (
            "Error: Failed to query available provider packages",
            ProviderMissingError,
            "the Docker provider (kreuzwerker/docker 4.x) can't be had",
        ),
        ("write: no space left on device", DiskFullError, "there is no room left"),
        (CUT_SHORT, DiskFullError, "there is no room left"),
        ("Error: Saved plan is stale", StalePlanError, "the state moved on"),
        (
            "Error response from daemon: Pool overlaps with other one on this address space",
            NetworkClashError,
            "the subnet overlaps",
        ),
        (
            "Bind for 0.0.0.0:80 failed: port is already allocated",
            NetworkClashError,
            "a published host port is taken",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///x",
            EngineError,
            "the Docker engine does not answer",
        ),
        (
            # One that ends between a client's ping and its question.
            'Unable to create network: error during connect: Post "http://%2Fx/v1.41/networks/create": EOF',
            EngineError,
            "the Docker engine does not answer",
        ),
        (
            "state to become 'removed' (timeout: 30s)\n  with docker_network.mesh,",
            EngineError,
            "the engine does not let go of a network",
        ),
        ("Error: something else", TerraformError, "terraform apply failed"),
    ],
)
def test_sentences(stderr: str, kind: type[KarstError], what: str) -> None:
    outcome = Outcome(Command(("terraform",)), 1, "", stderr, 0.1)
    error = explain(outcome, doing="terraform apply", where=".karst/shop")
    assert type(error) is kind
    assert error.what.startswith(what)


def test_a_lock_names_its_holder_and_the_way_out() -> None:
    plain = LOCKED.replace("│", " ").replace("╷", "").replace("╵", "")
    outcome = Outcome(Command(("terraform",)), 1, "", plain, 0.1)
    assert str(explain(outcome, doing="plan", where=".karst/shop")) == (
        ".karst/shop: the state is locked by ann@build\n"
        "  -> wait for the other run to end; if it died, release the lock with "
        "`terraform -chdir=.karst/shop force-unlock 1f0e-22`"
    )


def test_the_unknown_is_shown_without_its_frame() -> None:
    outcome = Outcome(Command(("terraform",)), 1, "", "╷\n│ Error: odd\n│ \n╵\n", 0.1)
    assert explain(outcome, doing="plan", where="x").detail == "Error: odd"

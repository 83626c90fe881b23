"""An authority that outlives the machine of each job, on a real engine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from karst.build.sidecar import sidecar_tag
from karst.effects.engine import Engine, connect
from karst.effects.engine_volumes import list_volumes, remove_volume
from karst.errors import CertificateError
from karst.pki import FolderFiles, Identity, SecretsStore, StackAuthorities, TargetFiles

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIFE = timedelta(days=90)


@pytest.fixture
def engine() -> Engine:
    return connect(None, {})


@pytest.fixture
def stack(engine: Engine) -> Iterator[str]:
    name = f"karsttest-pki-{secrets.token_hex(3)}"
    yield name
    for volume in list_volumes(engine, {"karst.stack": name}):
        remove_volume(engine, volume.name)


def _job(engine: Engine, stack: str) -> StackAuthorities:
    """What a job has that begins on a machine of its own."""
    return StackAuthorities(SecretsStore(TargetFiles(engine, sidecar_tag(), stack)))


def test_the_next_job_finds_authority_and_certificates(
    engine: Engine, stack: str
) -> None:
    first, identity = _job(engine, stack), Identity(stack, "api")
    made = first.authority(stack, expected="", now=NOW)
    leaf = first.leaf(made, identity, now=NOW, lifetime=LIFE)
    first.save()
    second = _job(engine, stack)
    found = second.authority(stack, expected=made.fingerprint, now=NOW)
    assert found.fingerprint == made.fingerprint
    again = second.leaf(found, identity, now=NOW, lifetime=LIFE)
    assert again.serial == leaf.serial
    assert again.key_pem.reveal() == leaf.key_pem.reveal()


def test_an_authority_is_kept_before_anybody_trusts_it(
    engine: Engine, stack: str
) -> None:
    made = _job(engine, stack).authority(stack, expected="", now=NOW)
    # The job died here: nothing was saved by it afterwards.
    found = _job(engine, stack).authority(stack, expected=made.fingerprint, now=NOW)
    assert found.fingerprint == made.fingerprint


def test_a_terminal_goes_on_with_what_a_pipeline_made(
    engine: Engine, stack: str, tmp_path: Path
) -> None:
    made = _job(engine, stack).authority(stack, expected="", now=NOW)
    folder = SecretsStore(FolderFiles(tmp_path))
    terminal = StackAuthorities(
        folder, also=SecretsStore(TargetFiles(engine, sidecar_tag(), stack))
    )
    found = terminal.authority(stack, expected=made.fingerprint, now=NOW)
    assert found.fingerprint == made.fingerprint


def test_a_pipeline_makes_no_second_authority(engine: Engine, stack: str) -> None:
    with pytest.raises(CertificateError) as caught:
        _job(engine, stack).authority(stack, expected="ab" * 32, now=NOW)
    assert f"the volume '{stack}-pki' on " in caught.value.where
    assert not list_volumes(engine, {"karst.stack": stack})

"""A token is shown to its own forge and to nobody else, and is written nowhere."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from karst.errors import FetchError, KarstError
from karst.fetch.remote import ArchiveUnavailableError, Forge
from karst.forges.access import ForgeAccess
from karst.forges.open import open_forge
from karst.secret import Secret
from tests.fakes.exchange import Reply, Request
from tests.fakes.server import FakeServer
from tests.fakes.world import TOKEN, World

pytestmark = pytest.mark.processes
MIB = 1024 * 1024
EMAIL = "ada@example.test"
SHAPES = (
    TOKEN,
    base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode(),
    base64.b64encode(f"eve:{TOKEN}".encode()).decode(),
)


@dataclass
class Elsewhere(FakeServer):
    """Another host, which answers whatever it is asked with one reply."""

    reply: Reply = field(default_factory=Reply)

    def answer(self, _: Request) -> Reply:
        return self.reply


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        yield server


def shows_token(text: str) -> bool:
    return any(shape in text for shape in SHAPES)


def forges(world: World, **options: Any) -> list[Forge]:
    """The forge with its token in every way in which it can be shown."""
    ways = [world.access()]
    if world.kind == "gl":
        world.fake.job_tokens.add(TOKEN)
        ways.append(world.access(scheme="job"))
    if world.kind == "bb":
        ways.append(world.access(scheme="basic", email=EMAIL))
    opened = [open_forge(world.kind, way, world.options(**options)) for way in ways]
    world.opened += opened
    return opened


def test_the_forge_itself_is_shown_the_token(world: World) -> None:
    for forge in forges(world):
        world.fake.seen.clear()
        forge.find_commit(world.path, "main")
        assert all(shows_token(request.text()) for request in world.fake.seen)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirected_question_leaves_the_token_behind(
    world: World, elsewhere: Elsewhere, status: int
) -> None:
    target = f"{elsewhere.url}/api/v3/repos/acme/web"
    for forge in forges(world):
        redirect = Reply(status).having(Location=target)
        world.fake.fail(change=lambda _, r=redirect: r, times=99)  # type: ignore[misc]
        for ref in (None, "main"):
            with pytest.raises(FetchError):
                forge.find_commit(world.path, ref)
        with pytest.raises(ArchiveUnavailableError):
            forge.download_archive(world.path, "0" * 40, world.folder / "a", limit=MIB)
    assert not any(shows_token(request.text()) for request in elsewhere.seen)


def test_a_redirected_archive_is_had_without_the_token(
    world: World, elsewhere: Elsewhere
) -> None:
    head = world.repository.git("rev-parse", "HEAD")
    body = world.repository.archive(head, "x")
    elsewhere.reply = Reply(200, body=body, content_type="application/gzip")
    redirect = Reply(302).having(Location=f"{elsewhere.url}/a.tar.gz?sig=1")
    place = "tarball" if world.kind == "gh" else "tar.gz"
    for number, forge in enumerate(forges(world)):
        world.fake.fail(path=place, change=lambda _: redirect)
        into = world.folder / f"{number}.tar.gz"
        forge.download_archive(world.path, head, into, limit=MIB)
        assert into.read_bytes() == body
    assert elsewhere.seen
    assert not any(shows_token(request.text()) for request in elsewhere.seen)


def test_github_s_own_archives_come_from_another_host_without_the_token(
    github_world: World,
) -> None:
    world = github_world
    head = world.repository.git("rev-parse", "HEAD")
    world.forge().download_archive(world.path, head, world.folder / "a", limit=MIB)
    served = [r for r in world.fake.seen if world.fake.codeload.endswith(r.host)]
    assert [r.method for r in served] == ["GET"]
    assert not any(shows_token(request.text()) for request in served)


@dataclass
class Told:
    """Everything that was said while a forge was used."""

    texts: list[str] = field(default_factory=list)

    def take(self, error: BaseException) -> None:
        """The error, its causes and contexts, and what their frames hold."""
        self.texts += [str(error), repr(error), repr(vars(error))]
        self.texts += traceback.format_exception(error)
        seen: BaseException | None = error
        while seen is not None:
            self.texts.append(repr(vars(seen)))
            seen = seen.__cause__ or seen.__context__


FAULTS = [
    {"status": 401},
    {"status": 403},
    {"status": 404},
    {"status": 409},
    {"status": 422},
    {"status": 429, "Retry_After": "9999"},
    {"status": 429},
    {"status": 500},
    {"change": lambda _: Reply(200, body=b"<html>")},
    {"change": lambda reply: Reply(200, body=reply.content(), keep=5)},
    # A forge that repeats what it was shown.
    {"change": lambda _: Reply(403, {"message": f"bad token {TOKEN}"})},
    {"change": lambda _: Reply(400, {"error": {"message": f"bad {TOKEN}"}})},
]


def test_nothing_that_is_said_or_kept_holds_the_token(
    world: World,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    caplog.set_level(logging.DEBUG)
    told = Told()
    head = world.repository.git("rev-parse", "HEAD")
    cache = world.folder / "cache"
    for fault in FAULTS:
        for forge in forges(world, cache=cache):
            into = world.folder / "a.tar.gz"
            for spoiled in (False, True):
                if spoiled:
                    world.fake.fail(times=20, **fault)  # type: ignore[arg-type]
                calls = (
                    lambda f=forge: f.find_commit(world.path, "main"),
                    lambda f=forge: f.find_commit(world.path, None),
                    lambda f=forge, i=into: f.download_archive(
                        world.path, head, i, limit=MIB
                    ),
                    lambda f=forge: f.compare(world.path, head, head),
                )
                for call in calls:
                    try:
                        told.texts.append(repr(call()))  # type: ignore[no-untyped-call]
                    except KarstError as error:
                        told.take(error)
                into.unlink(missing_ok=True)
            world.fake.faults.clear()
            told.texts += [repr(forge), repr(vars(forge)), forge.name]
            told.texts.append(repr(forge.clone_access(world.path)))
            told.texts.append(forge.clone_access(world.path).url)
    said = capfd.readouterr()
    told.texts += [said.out, said.err, caplog.text, repr(world.access())]
    told.texts += [str(warning.message) for warning in recwarn]
    assert [text for text in told.texts if shows_token(text)] == []
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert not shows_token(path.read_text() + str(path)), path


def test_the_library_s_error_is_not_dragged_along(world: World) -> None:
    world.fake.fail(500, times=99)
    with pytest.raises(FetchError) as told:
        world.forge().find_commit(world.path, "main")
    assert (told.value.__cause__, told.value.__context__) == (None, None)


def test_the_environment_s_own_secrets_are_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login eve password {TOKEN}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    forge = world.forge(token=None)
    head = world.repository.git("rev-parse", "HEAD")
    forge.find_commit(world.path, None)
    forge.download_archive(world.path, head, tmp_path / "a", limit=MIB)
    assert not any(shows_token(request.text()) for request in world.fake.seen)


def test_cookies_are_not_kept(world: World) -> None:
    world.fake.fail(
        times=99, change=lambda reply: reply.having(Set_Cookie=f"id={TOKEN}; Path=/")
    )
    forge = world.forge(token=None)
    for _ in range(2):
        forge.find_commit(world.path, None)
    assert not any("cookie" in request.headers for request in world.fake.seen)


def test_an_access_does_not_show_its_secrets() -> None:
    access = ForgeAccess("gh", "http://h", "http://h", Secret(TOKEN))
    assert TOKEN not in repr(access)
    assert access.secrets == (Secret(TOKEN),)

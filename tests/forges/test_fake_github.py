"""The fake GitHub is held to GitHub's description, and the holding holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import openapi
from tests.fakes.exchange import Reply
from tests.fakes.github import Call, FakeGitHub, User
from tests.fakes.node_modules import MissingDescriptionError
from tests.fakes.openapi import github_description
from tests.fakes.routes import Routes

TOKEN = "a-token"


def get(forge: FakeGitHub, path: str, **headers: str) -> httpx.Response:
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return fetch(forge.api + path, named)


def fetch(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    # By itself httpx waits five seconds: git and the description's check take those
    # on a busy machine.
    return httpx.get(url, headers=headers, trust_env=False, timeout=300)


def document(**changed: Any) -> bytes:
    person = {"name": "Ada", "email": "a@example.test", "date": "2026-01-02T03:04:05Z"}
    verification = {
        "verified": False,
        "reason": "unsigned",
        "payload": None,
        "signature": None,
        "verified_at": None,
    }
    commit = {
        "sha": "0" * 40,
        "node_id": "C_1",
        "url": "http://h/c",
        "html_url": "http://h/c",
        "comments_url": "http://h/c",
        "author": None,
        "committer": None,
        "parents": [],
        "commit": {
            "url": "http://h/c",
            "author": person,
            "committer": person,
            "message": "m",
            "comment_count": 0,
            "tree": {"sha": "0" * 40, "url": "http://h/t"},
            "verification": verification,
        },
    }
    return json.dumps({**commit, **changed}).encode()


COMMIT = ("GET", "/repos/{owner}/{repo}/commits/{ref}")


@pytest.mark.parametrize(
    ("method", "template", "status", "body", "told"),
    [
        (*COMMIT, 200, document(), []),
        (
            *COMMIT,
            200,
            document(sha=7),
            [f"{' '.join(COMMIT)} 200: $.sha: 7 is not of type 'string'"],
        ),
        (
            *COMMIT,
            200,
            document(parents=None),
            [f"{' '.join(COMMIT)} 200: $.parents: None is not of type 'array'"],
        ),
        (*COMMIT, 200, b"<html>", [f"{' '.join(COMMIT)} 200: the body is no JSON"]),
        (
            *COMMIT,
            418,
            b"{}",
            [f"{' '.join(COMMIT)} 418: the operation has no such status"],
        ),
        ("GET", "/tea", 200, b"{}", ["GET /tea: the API has no such operation"]),
        (
            "GET",
            "/repos/{owner}/{repo}/tarball/{ref}",
            302,
            b"{}",
            [
                "GET /repos/{owner}/{repo}/tarball/{ref} 302: the answer has no body",
            ],
        ),
    ],
)
def test_what_the_description_says_of_an_answer(
    method: str, template: str, status: int, body: bytes, told: list[str]
) -> None:
    assert github_description().faults(method, template, status, body) == told


def test_a_missing_field_is_found() -> None:
    commit = json.loads(document())
    del commit["commit"]["tree"]["sha"]
    faults = github_description().faults(*COMMIT, 200, json.dumps(commit).encode())
    assert faults == [
        f"{' '.join(COMMIT)} 200: $.commit.tree: 'sha' is a required property"
    ]


wrong = Routes()


@wrong.get("/user")
def who_am_i(call: Call) -> Reply:
    return call.json({"login": "ada"})


@pytest.mark.processes
def test_a_wrong_answer_is_a_violation_and_never_looks_like_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FakeGitHub() as forge:
        forge._routes[:0] = list(wrong)
        answer = get(forge, "/user")
        assert answer.status_code == 599
        assert forge.violations
        assert all(v.startswith("GET /user 200: $: ") for v in forge.violations)


@pytest.mark.processes
def test_a_path_without_a_route_is_a_violation() -> None:
    with FakeGitHub() as forge:
        assert get(forge, "/octocat").status_code == 599
        assert forge.violations == ["GET /octocat: the fake has no such route"]


def test_without_the_description_nothing_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KARST_CACHE", str(tmp_path))
    github_description.cache_clear()
    try:
        with pytest.raises(MissingDescriptionError, match="bootstrap"):
            openapi.github_description()
    finally:
        github_description.cache_clear()


@pytest.mark.processes
def test_who_sees_what(tmp_path: Path) -> None:
    tokens = {TOKEN: User("ada"), "other": User("eve", sees=frozenset())}
    with FakeGitHub(tokens=tokens) as forge:
        forge.add("acme/web", tmp_path / "web", private=True).commit({"a": "1"})
        seen = {
            name: get(forge, "/repos/acme/web", authorization=f"Bearer {name}")
            for name in (TOKEN, "other", "unknown")
        }
        assert [r.status_code for r in seen.values()] == [200, 404, 401]
        assert get(forge, "/repos/acme/web").status_code == 404
        assert forge.violations == []


@pytest.mark.processes
def test_an_unchanged_answer_costs_nothing(tmp_path: Path) -> None:
    with FakeGitHub(limit=2) as forge:
        repository = forge.add("acme/web", tmp_path / "web")
        repository.commit({"a": "1"})
        first = get(forge, "/repos/acme/web/commits/main")
        for _ in range(3):
            again = get(
                forge,
                "/repos/acme/web/commits/main",
                if_none_match=first.headers["etag"],
            )
            assert (again.status_code, again.content) == (304, b"")
        assert forge.used == 1
        repository.commit({"a": "2"})
        changed = get(
            forge, "/repos/acme/web/commits/main", if_none_match=first.headers["etag"]
        )
        assert changed.status_code == 200
        assert get(forge, "/repos/acme/web").status_code == 403
        assert forge.violations == []


@pytest.mark.processes
def test_a_renamed_repository_leads_to_its_number(tmp_path: Path) -> None:
    with FakeGitHub() as forge:
        commit = forge.add("old/name", tmp_path / "r").commit({"a": "1"})
        forge.rename("old/name", "new/name")
        moved = get(forge, "/repos/old/name/commits/main?x=1")
        assert moved.status_code == 301
        assert moved.headers["location"] == (
            f"{forge.api}/repositories/1/commits/main?x=1"
        )
        there = fetch(moved.headers["location"])
        assert there.json()["sha"] == commit
        assert forge.violations == []


@pytest.mark.processes
def test_a_cut_body_is_cut(tmp_path: Path) -> None:
    with FakeGitHub() as forge:
        forge.add("acme/web", tmp_path / "r").commit({"a": "1"})
        forge.fail(change=lambda reply: replace(reply, keep=10))
        with pytest.raises(httpx.RemoteProtocolError):
            get(forge, "/repos/acme/web")
        assert get(forge, "/repos/acme/web").status_code == 200

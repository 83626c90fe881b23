"""A fake Bitbucket Cloud (API 2.0), held to its own description (see described.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.fakes.exchange import Reply, Request
from tests.fakes.hosting import HostedRepository, Hosting, UnknownTokenError, User
from tests.fakes.repositories import CommitFacts
from tests.fakes.routes import Routes

routes = Routes()
_WHEN = "2026-01-02T03:04:05.000000+00:00"
_ROOT = "/repositories/{workspace}/{repo_slug}"
_NAME_IS = re.compile(r'name = "((?:[^"\\]|\\.)*)"')


class Refusal(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, error_document(message))


def error_document(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"message": message}}


@dataclass(frozen=True)
class Call:
    """One request on its way to a handler."""

    forge: FakeBitbucket
    request: Request
    user: User | None

    def repository(self, workspace: str, repo_slug: str) -> HostedRepository:
        path = f"{workspace}/{repo_slug}"
        found = self.forge.find(path)
        if found is None or not self.forge.sees(self.user, found):
            raise Refusal(404, "You may not have access to this repository")
        if found.path.lower() != path.lower():
            refusal = Refusal(301, "moved")
            base = self.request.target.partition(f"/{path}")
            address = f"http://{self.request.host}{base[0]}/{found.path}{base[2]}"
            refusal.reply = refusal.reply.having(Location=address)
            raise refusal
        return found

    def page(self, items: Sequence[Any]) -> Reply:
        """One page of a list, as Bitbucket wraps it."""
        size = min(int(self.request.query("pagelen", "10")), 100)
        number = int(self.request.query("page", "1"))
        page = {
            "values": list(items[(number - 1) * size : number * size]),
            "pagelen": size,
            "page": number,
        }
        if number * size < len(items):
            query = urlencode({"pagelen": size, "page": number + 1})
            place = f"http://{self.request.host}{self.request.path}"
            page["next"] = f"{place}?{query}"
        return Reply(200, page)


@dataclass
class FakeBitbucket(Hosting):
    """`email`: the account's, which Basic must show beside the token."""

    email: str = ""
    seen_documents: list[tuple[str, int, Any]] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"{self.url}/2.0"

    def error(self, status: int, message: str = "") -> Reply:
        return Reply(status, error_document(message or f"status {status}"))

    def answer_api(self, request: Request) -> Reply:
        path = request.path.removeprefix("/2.0")
        for route in routes:
            parameters = route.match(request.method, path)
            if parameters is None:
                continue
            try:
                reply = route.handler(
                    Call(self, request, self.user(request)), **parameters
                )
            except UnknownTokenError:
                reply = self.error(401, "Token is invalid, expired, or not supported.")
            except Refusal as refusal:
                reply = refusal.reply
            if route.described and reply.document is not None:
                place = f"{route.method} {route.template}"
                self.seen_documents.append((place, reply.status, reply.document))
            return self.conditional(request, reply)
        self.violations.append(f"{request.method} {path}: the fake has no such route")
        return Reply(599, error_document(f"no route for {path}"))


@routes.get(_ROOT)
def read_repository(call: Call, workspace: str, repo_slug: str) -> Reply:
    found = call.repository(workspace, repo_slug)
    web = f"{call.forge.url}/{found.path}"
    return Reply(
        200,
        {
            "type": "repository",
            "uuid": "{00000000-0000-0000-0000-000000000001}",
            "name": repo_slug,
            "full_name": found.path,
            "is_private": found.private,
            "scm": "git",
            "description": "",
            "language": "python",
            "created_on": _WHEN,
            "updated_on": _WHEN,
            "has_issues": False,
            "has_wiki": False,
            "size": 1,
            # Named even before anybody has pushed it.
            "mainbranch": {"type": "branch", "name": found.default_branch},
            "links": {
                "html": {"href": web},
                "clone": [{"name": "https", "href": f"{web}.git"}],
            },
        },
    )


@routes.get(_ROOT + "/refs")
def list_refs(call: Call, workspace: str, repo_slug: str) -> Reply:
    return _refs(call, workspace, repo_slug, ("heads", "tags"))


@routes.get(_ROOT + "/refs/branches")
def list_branches(call: Call, workspace: str, repo_slug: str) -> Reply:
    return _refs(call, workspace, repo_slug, ("heads",))


@routes.get(_ROOT + "/refs/tags")
def list_tags(call: Call, workspace: str, repo_slug: str) -> Reply:
    return _refs(call, workspace, repo_slug, ("tags",))


def _refs(call: Call, workspace: str, repo_slug: str, kinds: tuple[str, ...]) -> Reply:
    found = call.repository(workspace, repo_slug)
    asked = call.request.query("q")
    name_is = _NAME_IS.fullmatch(asked)
    if asked and name_is is None:
        raise Refusal(400, "Invalid query")
    wanted = re.sub(r"\\(.)", r"\1", name_is[1]) if name_is else None
    listed = []
    for kind in kinds:
        for name in found.git.refs(kind):
            if wanted is None or name == wanted:
                commit = found.git.resolve(f"refs/{kind}/{name}")
                assert commit is not None
                listed.append(
                    {
                        "type": "branch" if kind == "heads" else "tag",
                        "name": name,
                        "target": _commit(found.git.facts(commit)),
                        "links": {"html": {"href": f"{call.forge.url}/{found.path}"}},
                    }
                )
    return call.page(listed)


@routes.get(_ROOT + "/commit/{commit}")
def read_commit(call: Call, workspace: str, repo_slug: str, commit: str) -> Reply:
    found = call.repository(workspace, repo_slug)
    ids = found.git.short_ids(commit) if not found.git.is_empty else ()
    if len(ids) != 1:
        raise Refusal(404, f"Commit not found: {commit}")
    return Reply(200, _commit(found.git.facts(ids[0])))


@routes.get(_ROOT + "/commits/{revision}")
def list_commits(call: Call, workspace: str, repo_slug: str, revision: str) -> Reply:
    found = call.repository(workspace, repo_slug)
    excluded = call.request.query("exclude")
    if not found.git.resolve(revision) or not found.git.resolve(excluded):
        raise Refusal(404, "Commit not found")
    ids = reversed(found.git.between(excluded, revision))
    listed = [_commit(found.git.facts(sha)) for sha in ids]
    return call.page([{**commit, "type": "base_commit"} for commit in listed])


def _commit(facts: CommitFacts) -> dict[str, Any]:
    raw = f"{facts.author[0]} <{facts.author[1]}>"
    return {
        "type": "commit",
        "hash": facts.sha,
        "date": facts.committer[2],
        "message": facts.message,
        "author": {"type": "author", "raw": raw},
        "parents": [{"type": "base_commit", "hash": sha} for sha in facts.parents],
        "summary": {"raw": facts.message, "markup": "markdown"},
    }


@routes.get("/{workspace}/{repo_slug}/get/{name}", described=False)
def send_archive(call: Call, workspace: str, repo_slug: str, name: str) -> Reply:
    """The web's own download: no part of the described API."""
    found = call.repository(workspace, repo_slug)
    commit = found.git.resolve(name.removesuffix(".tar.gz"))
    if commit is None:
        raise Refusal(404, "Not found")
    body = found.git.archive(commit, f"{workspace}-{repo_slug}-{commit[:12]}")
    return Reply(200, body=body, content_type="application/x-tar-gz")

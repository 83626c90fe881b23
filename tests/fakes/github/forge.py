"""The fake itself: who asks, which repository, which topic answers, and is it right."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from tests.fakes.exchange import Reply, Request
from tests.fakes.openapi import Description, github_description
from tests.fakes.repositories import GitRepository
from tests.fakes.routes import Route
from tests.fakes.server import FakeServer

TOPICS = ("git_data", "repository", "apps")
_DOCS = "https://docs.github.com/rest"
_T = TypeVar("_T")


class Refusal(Exception):
    """An error answer of the API; `more` joins the document."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.reply = Reply(status, error_document(status, message, **more))


def error_document(status: int, message: str, **more: Any) -> dict[str, Any]:
    return {
        "message": message,
        "documentation_url": _DOCS,
        "status": str(status),
        **more,
    }


@dataclass(frozen=True)
class User:
    """Whom a token stands for.

    Attributes:
        kind: "User", "Bot" (a workflow's or an App's token) or "Organization".
        sees: the private repositories that the token may see; None: all.
    """

    login: str
    id: int = 1
    kind: str = "User"
    sees: frozenset[str] | None = None


@dataclass
class HostedRepository:
    """A repository as the forge lists it."""

    path: str
    id: int
    git: GitRepository
    private: bool = False
    default_branch: str = "main"


@dataclass(frozen=True)
class Call:
    """One request on its way to a handler."""

    forge: FakeGitHub
    request: Request
    user: User | None

    def repository(self, owner: str, repo: str) -> HostedRepository:
        """The repository; a 404 where it is not there or not to be seen by this user.

        One that was renamed answers 301 at its old path, as GitHub's does.
        """
        path = f"{owner}/{repo}"
        found = self.forge.find(path)
        if found is None or (found.private and not self._sees(found)):
            raise Refusal(404, "Not Found")
        if found.path.lower() != path.lower():
            self._redirect(path, found)
        return found

    def _sees(self, repository: HostedRepository) -> bool:
        if self.user is None:
            return False
        return self.user.sees is None or repository.path in self.user.sees

    def _redirect(self, old: str, repository: HostedRepository) -> None:
        rest = self.request.target.partition(f"/repos/{old}")[2]
        url = f"{self.forge.api}/repositories/{repository.id}{rest}"
        refusal = Refusal(301, "Moved Permanently", url=url)
        refusal.reply = refusal.reply.having(Location=url)
        raise refusal

    def json(self, document: Any, status: int = 200) -> Reply:
        return Reply(status, document)

    def page(self, items: Sequence[Any]) -> Reply:
        """One page of a list, with GitHub's Link header where there are more."""
        size = min(int(self.request.query("per_page", "30")), 100)
        number = int(self.request.query("page", "1"))
        reply = Reply(200, list(items[(number - 1) * size : number * size]))
        last = max(1, -(-len(items) // size))
        links = []
        for rel, page in (("next", number + 1), ("last", last)):
            if number < last:
                base = f"http://{self.request.host}{self.request.path}"
                links.append(f'<{base}?per_page={size}&page={page}>; rel="{rel}"')
        return reply.having(Link=", ".join(links)) if links else reply


@dataclass
class FakeGitHub(FakeServer):
    """Attributes beyond the server's:

    tokens: whom each known token stands for; any other token is a 401.
    violations: what the fake answered against GitHub's description.
    limit: requests an hour for everybody together; 304s do not count.
    used: how many of them were used.
    """

    tokens: dict[str, User] = field(default_factory=dict)
    topics: tuple[str, ...] = TOPICS
    repositories: dict[str, HostedRepository] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    limit: int = 5000
    used: int = 0
    description: Description = field(default_factory=github_description)

    def __post_init__(self) -> None:
        self._memories: dict[type[Any], Any] = {}
        self._routes: list[Route] = [
            route
            for topic in self.topics
            for route in import_module(f"tests.fakes.github.{topic}").routes
        ]
        super().__post_init__()
        # GitHub sends archives from another host.
        self.codeload = self._listen()

    @property
    def api(self) -> str:
        """What GITHUB_API_URL is for this forge."""
        return f"{self.url}/api/v3"

    def add(self, path: str, folder: Path, *, private: bool = False) -> GitRepository:
        """Host a new, empty repository, made in `folder`."""
        git = GitRepository.create(folder)
        number = len(self.repositories) + 1
        self.repositories[path.lower()] = HostedRepository(path, number, git, private)
        return git

    def rename(self, old: str, new: str) -> None:
        repository = self.repositories.pop(old.lower())
        repository.path = new
        self.repositories[new.lower()] = repository
        self.renamed[old.lower()] = new

    def find(self, path: str) -> HostedRepository | None:
        key = path.lower()
        key = self.renamed.get(key, key).lower()
        return self.repositories.get(key)

    def memory(self, kind: type[_T]) -> _T:
        """What a topic remembers, made at the first use."""
        with self._lock:
            memory: _T = self._memories.setdefault(kind, kind())
            return memory

    def error(self, status: int, message: str = "") -> Reply:
        words = {
            401: "Bad credentials",
            403: "Resource not accessible by integration",
            404: "Not Found",
            409: "Git Repository is empty.",
            429: "API rate limit exceeded",
        }
        text = message or words.get(status, "Server Error")
        return Reply(status, error_document(status, text))

    def answer(self, request: Request) -> Reply:
        path = request.path.removeprefix("/api/v3")
        for route in self._routes:
            parameters = route.match(request.method, path)
            if parameters is not None:
                return self._checked(route, self._ask(route, request, parameters))
        if path.startswith("/repositories/"):
            return self._by_number(request, path)
        if (request.method, path) == ("POST", "/graphql"):
            return self.error(404)
        self.violations.append(f"{request.method} {path}: the fake has no such route")
        return Reply(599, error_document(599, f"no route for {path}"))

    def _by_number(self, request: Request, path: str) -> Reply:
        """`/repositories/{id}/...`, where a renamed repository's answers lead."""
        number, _, rest = path.removeprefix("/repositories/").partition("/")
        for repository in self.repositories.values():
            if str(repository.id) == number:
                query = request.target.partition("?")[1:]
                target = f"/repos/{repository.path}/{rest}".rstrip("/")
                target += "".join(query)
                return self.answer(
                    Request(
                        request.method,
                        target,
                        request.host,
                        request.headers,
                        request.body,
                    )
                )
        return self.error(404)

    def _ask(self, route: Route, request: Request, parameters: dict[str, str]) -> Reply:
        try:
            reply = route.handler(
                Call(self, request, self._user(request)), **parameters
            )
        except Refusal as refusal:
            reply = refusal.reply
        return self._counted(request, reply)

    def _user(self, request: Request) -> User | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if not value:
            return None
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        if value.count(".") == 2:  # an App's own JWT: the apps topic looks at it
            return None
        if value not in self.tokens:
            raise Refusal(401, "Bad credentials")
        return self.tokens[value]

    def _counted(self, request: Request, reply: Reply) -> Reply:
        """ETag, 304 and the rate limit's headers."""
        if reply.status == 200 and request.method == "GET":
            etag = f'W/"{hashlib.sha256(reply.content()).hexdigest()}"'
            if request.headers.get("if-none-match") == etag:
                reply = Reply(304)
            reply = reply.having(ETag=etag)
        with self._lock:
            self.used += reply.status != 304
            left = max(0, self.limit - self.used)
        if self.used > self.limit and reply.status != 304:
            reply = self.error(403, "API rate limit exceeded for user ID 1.")
        return reply.having(
            X_RateLimit_Limit=str(self.limit),
            X_RateLimit_Remaining=str(left),
            X_RateLimit_Reset=str(int(time.time()) + 3600),
            X_RateLimit_Resource="core",
        )

    def _checked(self, route: Route, reply: Reply) -> Reply:
        """The reply, or a 599 where GitHub could not have sent it."""
        if not route.described or reply.status == 304:
            return reply
        faults = self._faults(route, reply)
        if not faults:
            return reply
        self.violations += faults
        return Reply(599, error_document(599, json.dumps(faults)))

    def _faults(self, route: Route, reply: Reply) -> list[str]:
        place, status = (route.method, route.template), reply.status
        # Refused tokens, hidden repositories, limits and breakdowns may come anywhere, described or not.
        anywhere = status in (301, 401, 403, 404, 429) or status >= 500
        if anywhere and not self.description.declares(*place, status):
            return self.description.schema_faults("basic-error", reply.content())
        return self.description.faults(*place, status, reply.content())

"""The fake itself: who asks, which repository, which topic answers, and is it right."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from tests.fakes.exchange import Reply, Request
from tests.fakes.hosting import HostedRepository, Hosting, UnknownTokenError, User
from tests.fakes.openapi import Description, github_description
from tests.fakes.routes import Route

# The first route that fits answers: `commits/{sha}/pulls` before `commits/{ref}`.
__all__ = [
    "TOPICS",
    "Call",
    "FakeGitHub",
    "HostedRepository",
    "Refusal",
    "User",
    "error_document",
]
TOPICS = ("requests", "git_data", "repository", "apps")
_DOCS = "https://docs.github.com/rest"


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
        if found is None or not self.forge.sees(self.user, found):
            raise Refusal(404, "Not Found")
        if found.path.lower() != path.lower():
            self._redirect(path, found)
        return found

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
class FakeGitHub(Hosting):
    """Attributes beyond those of every fake:

    limit: requests an hour for everybody together; 304s do not count.
    used: how many of them were used.
    """

    topics: tuple[str, ...] = TOPICS
    limit: int = 5000
    used: int = 0
    description: Description = field(default_factory=github_description)

    def __post_init__(self) -> None:
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

    def answer_api(self, request: Request) -> Reply:
        path = request.path.removeprefix("/api/v3")
        # Beside /api/v3, not below it.
        path = "/graphql" if path == "/api/graphql" else path
        for route in self._routes:
            parameters = route.match(request.method, path)
            if parameters is not None:
                return self._checked(route, self._ask(route, request, parameters))
        if path.startswith("/repositories/"):
            return self._by_number(request, path)
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
                return self.answer_api(
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
            user = None if self.is_app(request) else self.user(request)
            reply = route.handler(Call(self, request, user), **parameters)
        except UnknownTokenError:
            reply = self.error(401)
        except Refusal as refusal:
            reply = refusal.reply
        return self._counted(request, reply)

    def is_app(self, request: Request) -> bool:
        """Whether an App asks by its JWT: the topic of Apps looks whether it is one."""
        return self.shown_token(request).count(".") == 2

    def _counted(self, request: Request, reply: Reply) -> Reply:
        """ETag, 304 and the rate limit's headers."""
        reply = self.conditional(request, reply)
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

"""The fake itself: who asks, which project, which topic answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from tests.fakes.exchange import Reply, Request
from tests.fakes.hosting import HostedRepository, Hosting, UnknownTokenError, User
from tests.fakes.routes import Route

TOPICS = ("repository", "requests", "states")


class Refusal(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"message": message})


@dataclass(frozen=True)
class Call:
    """One request on its way to a handler.

    Attributes:
        job: whether it shows a job's token, which may ask few things only.
    """

    forge: FakeGitLab
    request: Request
    user: User | None
    job: bool

    def project(self, id: str) -> HostedRepository:
        """The project; a 404 where it is not there or not to be seen by this user.

        At an old path GitLab redirects to the project's number.
        """
        by_number = [p for p in self.forge.repositories.values() if str(p.id) == id]
        found = by_number[0] if by_number else self.forge.find(id)
        if found is None or not self.forge.sees(self.user, found):
            raise Refusal(404, "404 Project Not Found")
        if not by_number and found.path.lower() != id.lower():
            rest = self.request.target.partition("/projects/")[2].partition("/")[2]
            place = f"{self.forge.api}/projects/{found.id}"
            refusal = Refusal(302, "This resource has been moved")
            target = f"{place}/{rest}" if rest else place
            refusal.reply = refusal.reply.having(Location=target)
            raise refusal
        return found

    def refuse_job(self) -> None:
        """Most of the API is closed to a job's token."""
        if self.job:
            raise Refusal(404, "404 Project Not Found")

    def json(self, document: Any, status: int = 200) -> Reply:
        return Reply(status, document)

    def page(self, items: Sequence[Any]) -> Reply:
        """One page of a list, with GitLab's headers and Link."""
        size = min(int(self.request.query("per_page", "20")), 100)
        number = int(self.request.query("page", "1"))
        last = max(1, -(-len(items) // size))
        reply = Reply(200, list(items[(number - 1) * size : number * size])).having(
            X_Page=str(number),
            X_Per_Page=str(size),
            X_Total=str(len(items)),
            X_Total_Pages=str(last),
            X_Next_Page=str(number + 1) if number < last else "",
            X_Prev_Page=str(number - 1) if number > 1 else "",
        )
        if number >= last:
            return reply
        kept = {
            name: self.request.query(name)
            for name in (
                *("ref", "search", "pagination", "recursive"),
                *("labels", "scope", "state", "query", "sort", "order_by"),
            )
            if self.request.query(name)
        }
        query = urlencode({**kept, "page": number + 1, "per_page": size})
        address = f"http://{self.request.host}{self.request.path}?{query}"
        return reply.having(Link=f'<{address}>; rel="next"')


@dataclass
class FakeGitLab(Hosting):
    """Attributes beyond those of every fake:

    job_tokens: tokens of jobs; they are named in `tokens`, too.
    seen_documents: every answered document with the operation, for described.py.
    """

    topics: tuple[str, ...] = TOPICS
    job_tokens: set[str] = field(default_factory=set)
    seen_documents: list[tuple[str, int, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._routes: list[Route] = [
            route
            for topic in self.topics
            for route in import_module(f"tests.fakes.gitlab.{topic}").routes
        ]
        super().__post_init__()

    @property
    def api(self) -> str:
        """What CI_API_V4_URL is for this forge."""
        return f"{self.url}/api/v4"

    def error(self, status: int, message: str = "") -> Reply:
        words = {
            401: "401 Unauthorized",
            403: "403 Forbidden",
            404: "404 Project Not Found",
        }
        return Reply(status, {"message": message or words.get(status, str(status))})

    def answer_api(self, request: Request) -> Reply:
        path = request.path.removeprefix("/api/v4")
        for route in self._routes:
            parameters = route.match(request.method, path)
            if parameters is not None:
                reply = self._ask(route, request, parameters)
                place = f"{route.method} {route.template}"
                if route.described and reply.document is not None:
                    self.seen_documents.append((place, reply.status, reply.document))
                return reply
        self.violations.append(f"{request.method} {path}: the fake has no such route")
        return Reply(599, {"message": f"no route for {path}"})

    def _ask(self, route: Route, request: Request, parameters: dict[str, str]) -> Reply:
        job = "job-token" in request.headers
        if job and request.headers["job-token"] not in self.job_tokens:
            return self.error(401)
        try:
            call = Call(self, request, self.user(request), job)
            return self.conditional(request, route.handler(call, **parameters))
        except UnknownTokenError:
            return self.error(401)
        except Refusal as refusal:
            return refusal.reply

"""Which function answers which path: a table for each topic of a forge's API."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.fakes.exchange import Reply

Handler = Callable[..., Reply]
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Route:
    """One operation.

    Attributes:
        template: the path as the API's description spells it, `/repos/{owner}/{repo}`.
        described: whether replies are checked against that description.
    """

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    described: bool

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the decoded parameters where this route answers, else None."""
        found = self.pattern.fullmatch(path) if method == self.method else None
        return {k: unquote(v) for k, v in found.groupdict().items()} if found else None


class Routes:
    """The operations of one topic, written as decorated functions.

        routes = Routes()

        @routes.get("/repos/{owner}/{repo}/pulls/{pull_number}")
        def read_request(call: Call, owner: str, repo: str, pull_number: str) -> Reply:
            ...

    A parameter takes one segment (where `/` may come percent-encoded), unless `deep`
    names it: then it takes slashes, too.
    """

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def __iter__(self) -> Any:
        return iter(self._routes)

    def get(self, template: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.on("GET", template, **options)

    def post(self, template: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.on("POST", template, **options)

    def patch(self, template: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.on("PATCH", template, **options)

    def put(self, template: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.on("PUT", template, **options)

    def delete(self, template: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.on("DELETE", template, **options)

    def on(
        self, method: str, template: str, *, deep: str = "", described: bool = True
    ) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            pattern = _PARAMETER.sub(
                lambda m: f"(?P<{m[1]}>{'.+' if m[1] == deep else '[^/]+'})",
                re.escape(template).replace(r"\{", "{").replace(r"\}", "}"),
            )
            route = Route(method, template, re.compile(pattern), handler, described)
            self._routes.append(route)
            return handler

        return keep

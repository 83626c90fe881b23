"""A fake GitHub, held to GitHub's own OpenAPI description.

Each topic of the API is a module here with a table of routes. To add one: write
`routes = Routes()` and functions under `@routes.get("/repos/...")` with the path as the
description spells it (see routes.py); each takes a `Call` and the path's parameters and
returns `call.json(document, status)` or an error by `raise Refusal(status, message)`.
Name the module in `TOPICS`. What a topic remembers between requests is a dataclass of
its own, had by `call.forge.memory(ThatClass)`, made at the first use. Every reply is
checked: one that GitHub's description does not allow becomes a 599, and is listed in
`violations`, which the fixture asserts to be empty. `described=False` is only for what
the description does not cover (GraphQL, the clone protocol).
"""

from tests.fakes.github.forge import Call, FakeGitHub, Refusal
from tests.fakes.hosting import User

__all__ = ["Call", "FakeGitHub", "Refusal", "User"]

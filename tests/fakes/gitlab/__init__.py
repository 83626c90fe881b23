"""A fake GitLab (API v4), held to the types of @gitbeaker/core (see described.py).

Each topic is a module with a table of routes, named in `TOPICS`; a handler takes a `Call`
and the path's parameters and returns `call.json(...)` or raises `Refusal`.
"""

from tests.fakes.gitlab.forge import Call, FakeGitLab, Refusal
from tests.fakes.hosting import User

__all__ = ["Call", "FakeGitLab", "Refusal", "User"]

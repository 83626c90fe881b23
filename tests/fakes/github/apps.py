"""GitHub Apps: which installation a repository has, and tokens for it."""

from __future__ import annotations

from tests.fakes.routes import Routes

routes = Routes()

"""What the repository itself says."""

from __future__ import annotations

from tests.fakes.exchange import Reply
from tests.fakes.github.documents import repository_document
from tests.fakes.github.forge import Call
from tests.fakes.routes import Routes

routes = Routes()


@routes.get("/repos/{owner}/{repo}")
def read_repository(call: Call, owner: str, repo: str) -> Reply:
    found = call.repository(owner, repo)
    return call.json(
        repository_document(
            call.forge.api,
            call.forge.url,
            found.path,
            found.id,
            private=found.private,
            default_branch=found.default_branch,
        )
    )

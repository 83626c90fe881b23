"""GitHub Apps: which installation a repository has, and tokens for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt

from tests.fakes.exchange import Reply
from tests.fakes.github.documents import user_document
from tests.fakes.github.forge import Call, Refusal
from tests.fakes.hosting import User
from tests.fakes.routes import Routes

routes = Routes()
_WHEN = "2026-01-02T03:04:05Z"


@dataclass
class Apps:
    """What GitHub knows of Apps.

    Attributes:
        keys: the public key (PEM) of each App by its id.
        installations: the App's id and the repositories of each installation.
        lifetime: of the tokens that are given out.
    """

    keys: dict[str, str] = field(default_factory=dict)
    installations: dict[int, tuple[str, frozenset[str]]] = field(default_factory=dict)
    lifetime: timedelta = timedelta(hours=1)
    given: int = 0


def _app(call: Call) -> str:
    """The id of the App whose JWT the request shows."""
    shown = call.forge.shown_token(call.request)
    for number, key in call.forge.memory(Apps).keys.items():
        try:
            claims = jwt.decode(shown, key, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            continue
        if str(claims.get("iss")) == number:
            return number
    raise Refusal(401, "A JSON web token could not be decoded")


@routes.get("/repos/{owner}/{repo}/installation")
def find_installation(call: Call, owner: str, repo: str) -> Reply:
    app, path = _app(call), f"{owner}/{repo}"
    for number, (owner_app, covered) in call.forge.memory(Apps).installations.items():
        if owner_app == app and path in covered:
            return call.json(_installation(call, number, app, owner))
    raise Refusal(404, "Not Found")


@routes.post("/app/installations/{installation_id}/access_tokens")
def make_token(call: Call, installation_id: str) -> Reply:
    app, apps = _app(call), call.forge.memory(Apps)
    owner_app, covered = apps.installations.get(int(installation_id), ("", frozenset()))
    if owner_app != app:
        raise Refusal(404, "Not Found")
    apps.given += 1
    token = f"ghs_{installation_id}x{apps.given}"
    call.forge.tokens[token] = User(f"{app}[bot]", 900, "Bot", covered)
    ends = datetime.now(UTC) + apps.lifetime
    return call.json(
        {
            "token": token,
            "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": {"contents": "read", "metadata": "read"},
            "repository_selection": "selected",
        },
        201,
    )


def _installation(call: Call, number: int, app: str, owner: str) -> dict[str, object]:
    api = call.forge.api
    return {
        "id": number,
        "account": user_document(api, owner, 100, "Organization"),
        "repository_selection": "selected",
        "access_tokens_url": f"{api}/app/installations/{number}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{call.forge.url}/settings/installations/{number}",
        "app_id": int(app),
        "app_slug": "karst",
        "target_id": 100,
        "target_type": "Organization",
        "permissions": {"contents": "read", "metadata": "read"},
        "events": [],
        "created_at": _WHEN,
        "updated_at": _WHEN,
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }

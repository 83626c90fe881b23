"""A repository at each fake forge in turn, and the publisher that asks it."""

from __future__ import annotations

from typing import Any

from karst.forges.access import ForgeAccess
from karst.forges.github_requests import GitHubRequests
from karst.forges.gitlab_requests import GitLabRequests
from karst.forges.publishing import Publisher
from karst.secret import Secret
from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.hosting import User
from tests.fakes.world import FakeTime

TOKEN = "token-canary0123456789canary"
BOT = User("karst-bot[bot]", 41898282, "Bot")
ADA = User("ada", 2)
# A person who is called like the bot.
MALLORY = User("karst-bot", 3)
REPOSITORY = "acme/shop"
FAKES: dict[str, Any] = {"gh": FakeGitHub, "gl": FakeGitLab}


def open_publisher(desk: Desk, token: str = TOKEN, **more: Any) -> Publisher:
    """The publisher of the fake's kind."""
    forge: Any = desk.forge
    options = FakeTime().options()
    if isinstance(forge, FakeGitLab):
        access = ForgeAccess("gl", forge.api, forge.url, Secret(token), **more)
        return GitLabRequests(access, options, desk.path)
    access = ForgeAccess("gh", forge.api, forge.url, Secret(token), **more)
    return GitHubRequests(access, options, desk.path)


def opened(desk: Desk, branch: str = "change", **more: str) -> int:
    """Open a request with one file of its own."""
    return desk.open(branch, {f"{branch}.txt": branch}, author=ADA, **more)

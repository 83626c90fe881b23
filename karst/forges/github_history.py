"""Which requests came into a branch on GitHub between two commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karst.forges.first_parents import first_parents
from karst.forges.github_line import PER_PAGE, GitHubLine
from karst.forges.publishing import MergedRequest, PublishFailure

# One question each: a workflow's token has 1,000 an hour. What came in before these
# has no receipt then, and is said to have none.
COMMITS_LOOKED_AT = 100
_PAGES = 10


def find_merged(
    line: GitHubLine, branch: str, since: str | None, until: str
) -> tuple[MergedRequest, ...]:
    """Requests merged into `branch`, in the order in which they came in."""

    def find() -> tuple[MergedRequest, ...]:
        listed = _commits(line, since, until)
        parents = {c["sha"]: [p["sha"] for p in c["parents"]] for c in listed}
        own = first_parents(parents, until)
        found: dict[int, MergedRequest] = {}
        for commit in own[-COMMITS_LOOKED_AT:]:
            for pull in line.get(f"/commits/{commit}/pulls", per_page=PER_PAGE):
                if pull["merged_at"] and pull["base"]["ref"] == branch:
                    # A rebased request comes in by several commits; the last counts.
                    found.pop(pull["number"], None)
                    found[pull["number"]] = _merged(pull, commit)
        return tuple(found.values())

    return line.ask("looking for the merged requests", find)


def _merged(pull: Mapping[str, Any], commit: str) -> MergedRequest:
    return MergedRequest(
        number=pull["number"],
        head=pull["head"]["sha"],
        commit=commit,
        title=pull["title"],
        url=pull["html_url"],
    )


def _commits(line: GitHubLine, since: str | None, until: str) -> list[Any]:
    """Commits of `until` that `since` does not have, each with its parents."""
    if since:
        return _compared(line, since, until)
    newest: list[Any] = line.get("/commits", sha=until, per_page=PER_PAGE)
    return newest


def _compared(line: GitHubLine, since: str, until: str) -> list[Any]:
    found: list[Any] = []
    for page in range(1, _PAGES + 1):
        answer = line.get(f"/compare/{since}...{until}", per_page=PER_PAGE, page=page)
        if answer["status"] == "behind":
            raise PublishFailure(
                f"{since[:12]} comes after {until[:12]}",
                why="behind",
                where=line.repository,
            )
        found += answer["commits"]
        if not answer["commits"] or len(found) >= answer["total_commits"]:
            break
    return found

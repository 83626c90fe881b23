"""After the merge: what was reviewed is applied, anything else is refused."""

from __future__ import annotations

import pytest
from calling import ADA, KEY, Calling, app, docker

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]


def reviewed(calling: Calling, branch: str, files: dict[str, str], how: str) -> int:
    """Open a request, plan it, merge it."""
    number = calling.desk.open(branch, files, author=ADA)
    calling.pull_request(number).ok()
    calling.desk.merge(number, how)
    return number


def ports(calling: Calling) -> set[str]:
    """The services that run, as the engine's labels tell them."""
    label = f"--filter=label=karst.stack={calling.name}"
    told = docker(
        *("ps", label, "--filter=label=karst.role=app"),
        '--format={{.Label "karst.service"}}',
    )
    return set(told.split())


def test_what_was_reviewed_is_applied_also_where_jobs_were_dropped(
    calling: Calling,
) -> None:
    desk = calling.desk
    desk.git.commit({".github/workflows/karst.yml": calling.workflow()})
    # Two requests are merged one after the other; only the last push gets a job.
    reviewed(
        calling,
        "web",
        {"web/main.py": app(), "repos.yaml": calling.repos("file:./web")},
        "squash",
    )
    both = calling.repos("file:./web", "file:./api")
    reviewed(calling, "api", {"api/main.py": app(), "repos.yaml": both}, "merge")
    applied = calling.push().ok()
    assert ports(calling) == {"web", "api"}
    assert applied.outputs["karst.healthy"] == "true"
    assert '"verdict": "healthy"' in applied.outputs["karst.services-json"]
    assert "web" in applied.summary
    assert "Who reached whom" in applied.summary
    before = calling.containers()

    # The same job again changes nothing.
    again = calling.push().ok()
    assert again.outputs["karst.changes"] == "false"
    assert calling.containers() == before

    # A commit that nobody planned is refused, and says which service.
    desk.git.commit({"web/main.py": app("second")})
    refused = calling.push()
    assert "nobody reviewed what would change: web" in refused.failed()
    assert ("error", "title=KarstKit") in [n[:2] for n in refused.notices]
    assert "web" in refused.summary
    assert calling.containers() == before

    # Whoever wants it anyway says so.
    calling.inputs["on-unreviewed"] = "apply"
    desk.git.commit({".github/workflows/karst.yml": calling.workflow()})
    unreviewed = calling.push().ok()
    assert calling.containers() != before
    assert "Applied without a review" in unreviewed.summary
    assert "no receipt names its release" in unreviewed.summary
    assert KEY not in applied.log + again.log + refused.log


def test_an_edited_comment_and_a_foreign_key_do_not_count(calling: Calling) -> None:
    desk = calling.desk
    desk.git.commit({".github/workflows/karst.yml": calling.workflow()})
    files = {"web/main.py": app(), "repos.yaml": calling.repos("file:./web")}
    number = desk.open("web", files, author=ADA)

    calling.secrets["RECEIPT_KEY"] = "another-key-0123456789-0123456789"
    calling.pull_request(number).ok()
    desk.merge(number)
    assert "signed by another key" in calling.push_with(KEY).failed()

    (comment,) = desk.comments(number)
    comment.body = comment.body.replace("1 to add", "0 to add")
    assert "the comment was edited" in calling.push().failed()
    assert calling.containers() == []

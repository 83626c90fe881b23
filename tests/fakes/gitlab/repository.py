"""Projects, commits, branches, tags, trees, comparisons and archives."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.fakes.exchange import Reply
from tests.fakes.gitlab.forge import Call, Refusal
from tests.fakes.hosting import HostedRepository
from tests.fakes.repositories import CommitFacts
from tests.fakes.routes import Routes

routes = Routes()
_WHEN = "2026-01-02T03:04:05.000Z"


@routes.get("/projects/{id}")
def read_project(call: Call, id: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    namespace, _, name = found.path.rpartition("/")
    web = f"{call.forge.url}/{found.path}"
    return call.json(
        {
            "id": found.id,
            "description": None,
            "name": name,
            "name_with_namespace": found.path.replace("/", " / "),
            "path": name,
            "path_with_namespace": found.path,
            "created_at": _WHEN,
            "default_branch": None if found.git.is_empty else found.default_branch,
            "empty_repo": found.git.is_empty,
            "tag_list": [],
            "topics": [],
            "ssh_url_to_repo": f"git@gitlab.test:{found.path}.git",
            "http_url_to_repo": f"{web}.git",
            "web_url": web,
            "readme_url": f"{web}/-/blob/main/README.md",
            "forks_count": 0,
            "avatar_url": None,
            "star_count": 0,
            "last_activity_at": _WHEN,
            "visibility": "private" if found.private else "public",
            "namespace": {
                "id": 1,
                "name": namespace,
                "path": namespace.rpartition("/")[2],
                "kind": "group",
                "full_path": namespace,
                "parent_id": None,
                "avatar_url": None,
                "web_url": f"{call.forge.url}/groups/{namespace}",
            },
        }
    )


@routes.get("/projects/{id}/repository/commits/{sha}")
def readcommit_document(call: Call, id: str, sha: str) -> Reply:
    found = call.project(id)
    if found.git.is_empty:
        raise Refusal(404, "404 Commit Not Found")
    commit = resolve(found, sha)
    document = commit_document(call, found, found.git.facts(commit))
    stats = {"additions": 1, "deletions": 0, "total": 1}
    return call.json(
        {
            **document,
            "stats": stats,
            "status": None,
            "project_id": found.id,
            "last_pipeline": None,
        }
    )


def resolve(found: HostedRepository, revision: str) -> str:
    """As git itself takes a revision: a tag before a branch, then a short id."""
    commit = None if revision.startswith("-") else found.git.resolve(revision)
    if commit is None:
        raise Refusal(404, "404 Commit Not Found")
    return commit


def commit_document(
    call: Call, found: HostedRepository, facts: CommitFacts
) -> dict[str, Any]:
    title = facts.message.partition("\n")[0]
    return {
        "id": facts.sha,
        "short_id": facts.sha[:8],
        "created_at": facts.committer[2],
        "parent_ids": list(facts.parents),
        "title": title,
        "message": facts.message,
        "author_name": facts.author[0],
        "author_email": facts.author[1],
        "authored_date": facts.author[2],
        "committer_name": facts.committer[0],
        "committer_email": facts.committer[1],
        "committed_date": facts.committer[2],
        "trailers": {},
        "extended_trailers": {},
        "web_url": f"{call.forge.url}/{found.path}/-/commit/{facts.sha}",
    }


@routes.get("/projects/{id}/repository/commits")
def list_commits(call: Call, id: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    start = resolve(found, call.request.query("ref_name", found.default_branch))
    commits = found.git.git("rev-list", start).split()
    return call.page(
        [commit_document(call, found, found.git.facts(sha)) for sha in commits]
    )


@routes.get("/projects/{id}/repository/merge_base")
def merge_base(call: Call, id: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    commits = []
    for ref in call.request.queries("refs[]"):
        commit = None if ref.startswith("-") else found.git.resolve(ref)
        if commit is None:
            raise Refusal(400, f"Could not find ref: {ref}")
        commits.append(commit)
    base = found.git.resolve(found.git.git("merge-base", *commits))
    assert base
    return call.json(commit_document(call, found, found.git.facts(base)))


@routes.get("/projects/{id}/repository/files/{path}/raw")
def read_raw(call: Call, id: str, path: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    commit = resolve(found, call.request.query("ref", "HEAD"))
    try:
        data = found.git.git_bytes("cat-file", "blob", f"{commit}:{path}")
    except subprocess.CalledProcessError:
        raise Refusal(404, "404 File Not Found") from None
    return Reply(200, body=data, content_type="text/plain; charset=utf-8")


@routes.get("/projects/{id}/repository/branches")
def list_branches(call: Call, id: str) -> Reply:
    found = call.project(id)
    names = _searched(call, found.git.refs("heads"))
    return call.page([_branch(call, found, n, sha) for n, sha in names.items()])


@routes.get("/projects/{id}/repository/tags")
def list_tags(call: Call, id: str) -> Reply:
    found = call.project(id)
    names = _searched(call, found.git.refs("tags"))
    return call.page([_tag(call, found, name) for name in names])


def _searched(call: Call, refs: Mapping[str, str]) -> dict[str, str]:
    """GitLab's `search`: a part of the name; `^` and `$` bind it to the ends."""
    search = call.request.query("search")
    pattern = re.escape(search.removeprefix("^").removesuffix("$"))
    pattern = ("^" if search.startswith("^") else "") + pattern
    pattern += "$" if search.endswith("$") else ""
    return {name: sha for name, sha in refs.items() if re.search(pattern, name)}


def _branch(call: Call, found: HostedRepository, name: str, sha: str) -> dict[str, Any]:
    return {
        "name": name,
        "commit": commit_document(call, found, found.git.facts(sha)),
        "merged": False,
        "protected": name == found.default_branch,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": False,
        "default": name == found.default_branch,
        "web_url": f"{call.forge.url}/{found.path}/-/tree/{name}",
    }


def _tag(call: Call, found: HostedRepository, name: str) -> dict[str, Any]:
    target = found.git.git("rev-parse", f"refs/tags/{name}")
    commit = found.git.resolve(f"refs/tags/{name}")
    assert commit is not None
    annotated = target != commit
    return {
        "name": name,
        "message": "annotated" if annotated else "",
        "target": target,
        "commit": commit_document(call, found, found.git.facts(commit)),
        "release": None,
        "protected": False,
        "created_at": _WHEN if annotated else None,
    }


@routes.get("/projects/{id}/repository/tree")
def list_tree(call: Call, id: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    commit = resolve(found, call.request.query("ref", "HEAD"))
    listed = found.git.git("ls-tree", "-z", commit).rstrip("\0")
    entries = []
    for line in listed.split("\0") if listed else ():
        facts, _, name = line.partition("\t")
        mode, kind, sha = facts.split()
        entries.append(
            {"id": sha, "name": name, "type": kind, "path": name, "mode": mode}
        )
    # GitLab lists folders first, unlike git.
    return call.page(sorted(entries, key=lambda e: e["type"] != "tree"))


@routes.get("/projects/{id}/repository/compare")
def compare(call: Call, id: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    old = resolve(found, call.request.query("from"))
    new = resolve(found, call.request.query("to"))
    commits = [
        commit_document(call, found, found.git.facts(sha))
        for sha in found.git.between(old, new)
    ]
    return call.json(
        {
            "commit": commits[-1] if commits else None,
            "commits": commits,
            "diffs": [],
            "compare_timeout": False,
            "compare_same_ref": old == new,
            "web_url": f"{call.forge.url}/{found.path}/-/compare/{old}...{new}",
        }
    )


@routes.get("/projects/{id}/repository/archive.tar.gz")
def send_archive(call: Call, id: str) -> Reply:
    call.refuse_job()
    found = call.project(id)
    commit = resolve(found, call.request.query("sha", "HEAD"))
    name = f"{found.path.rpartition('/')[2]}-{commit}-{commit}"
    body = found.git.archive(commit, name)
    return Reply(200, body=body, content_type="application/octet-stream")

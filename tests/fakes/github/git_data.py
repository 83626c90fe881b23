"""Commits, refs, comparisons and archives, as git has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.fakes.exchange import Reply
from tests.fakes.github.documents import commit_document
from tests.fakes.github.forge import Call, Refusal
from tests.fakes.hosting import HostedRepository
from tests.fakes.repositories import GitRepository
from tests.fakes.routes import Routes

routes = Routes()
_SHORTEST = 4


@dataclass
class Archives:
    """The one-time words by which an archive's address lets anybody in."""

    words: dict[str, str] = field(default_factory=dict)


@routes.get("/repos/{owner}/{repo}/commits/{ref}", deep="ref")
def read_commit(call: Call, owner: str, repo: str, ref: str) -> Reply:
    found = call.repository(owner, repo)
    if found.git.is_empty:
        raise Refusal(409, "Git Repository is empty.")
    sha = resolve(found.git, ref)
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {ref}")
    return call.json(_commit(call, found, sha))


def resolve(git: GitRepository, ref: str) -> str | None:
    """GitHub's order: a branch, a tag, a full or a short id that only one commit has."""
    for name in (f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/{ref}"):
        if sha := git.resolve(name):
            return sha
    if ref == "HEAD":
        return git.resolve("HEAD")
    is_id = len(ref) >= _SHORTEST and not set(ref) - set("0123456789abcdef")
    ids = git.short_ids(ref) if is_id else ()
    return ids[0] if len(ids) == 1 else None


def _commit(call: Call, found: HostedRepository, sha: str) -> dict[str, Any]:
    forge = call.forge
    return commit_document(forge.api, forge.url, found.path, found.git.facts(sha))


@routes.get("/repos/{owner}/{repo}/git/matching-refs/{ref}", deep="ref")
def list_refs(call: Call, owner: str, repo: str, ref: str) -> Reply:
    found = call.repository(owner, repo)
    if found.git.is_empty:
        raise Refusal(409, "Git Repository is empty.")
    listed = []
    for kind in ("heads", "tags"):
        for name, sha in found.git.refs(kind).items():
            if f"{kind}/{name}".startswith(ref):
                what = found.git.git("cat-file", "-t", sha)
                listed.append(_ref(call, found, f"refs/{kind}/{name}", sha, what))
    return call.json(listed)


def _ref(
    call: Call, found: HostedRepository, name: str, sha: str, what: str
) -> dict[str, Any]:
    url = f"{call.forge.api}/repos/{found.path}/git"
    return {
        "ref": name,
        "node_id": f"REF_{name}",
        "url": f"{url}/{quote(name)}",
        "object": {"type": what, "sha": sha, "url": f"{url}/{what}s/{sha}"},
    }


@routes.get("/repos/{owner}/{repo}/compare/{basehead}", deep="basehead")
def compare(call: Call, owner: str, repo: str, basehead: str) -> Reply:
    found = call.repository(owner, repo)
    git, forge = found.git, call.forge
    old, _, new = basehead.partition("...")
    base, head = resolve(git, old), resolve(git, new)
    if base is None or head is None:
        raise Refusal(404, "Not Found")
    ahead, behind = git.between(base, head), git.between(head, base)
    common = git.git("merge-base", base, head)
    status = {
        (False, False): "identical",
        (True, False): "ahead",
        (False, True): "behind",
        (True, True): "diverged",
    }[bool(ahead), bool(behind)]
    page = f"{forge.url}/{found.path}/compare/{basehead}"
    size = min(int(call.request.query("per_page", "250")), 250)
    begin = (int(call.request.query("page", "1")) - 1) * size
    return call.json(
        {
            "url": f"{forge.api}/repos/{found.path}/compare/{basehead}",
            "html_url": page,
            "permalink_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "base_commit": _commit(call, found, base),
            "merge_base_commit": _commit(call, found, common),
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [
                _commit(call, found, sha) for sha in ahead[begin : begin + size]
            ],
            "files": [],
        }
    )


@routes.get("/repos/{owner}/{repo}/tarball/{ref}", deep="ref")
def archive_address(call: Call, owner: str, repo: str, ref: str) -> Reply:
    found = call.repository(owner, repo)
    sha = resolve(found.git, ref)
    if sha is None:
        raise Refusal(404, "Not Found")
    word = hashlib.sha256(f"{found.path} {sha}".encode()).hexdigest()[:20]
    call.forge.memory(Archives).words[f"{found.path}/{sha}"] = word
    address = f"{call.forge.codeload}/{found.path}/legacy.tar.gz/{sha}?token={word}"
    return Reply(302).having(Location=address)


@routes.get("/{owner}/{repo}/legacy.tar.gz/{sha}", described=False)
def send_archive(call: Call, owner: str, repo: str, sha: str) -> Reply:
    """codeload: the address alone lets in; it is no part of the described API."""
    word = call.forge.memory(Archives).words.get(f"{owner}/{repo}/{sha}")
    found = call.forge.find(f"{owner}/{repo}")
    if found is None or word is None or call.request.query("token") != word:
        raise Refusal(404, "Not Found")
    body = found.git.archive(sha, f"{owner}-{repo}-{sha[:7]}")
    return Reply(200, body=body, content_type="application/x-gzip")

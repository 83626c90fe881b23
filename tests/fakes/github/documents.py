"""GitHub's documents, with every field that its description requires."""

from __future__ import annotations

from typing import Any

from tests.fakes.repositories import CommitFacts

_WHEN = "2026-01-02T03:04:05Z"
_USER_LINKS = {
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
    "organizations_url": "orgs",
    "repos_url": "repos",
    "events_url": "events{/privacy}",
    "received_events_url": "received_events",
}
_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
_COUNTS = (
    "forks",
    "forks_count",
    "open_issues",
    "open_issues_count",
    "size",
    "stargazers_count",
    "watchers",
    "watchers_count",
    "network_count",
    "subscribers_count",
)


def user_document(
    api: str, login: str, number: int = 1, kind: str = "User"
) -> dict[str, Any]:
    """A "simple-user"."""
    url = f"{api}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": f"U_{number}",
        "avatar_url": f"{api}/avatars/{number}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{api}/{login}",
        "type": kind,
        "site_admin": False,
        **{key: f"{url}/{end}" for key, end in _USER_LINKS.items()},
    }


def repository_document(
    api: str, web: str, path: str, number: int, *, private: bool, default_branch: str
) -> dict[str, Any]:
    """A "full-repository"."""
    owner, _, name = path.partition("/")
    url = f"{api}/repos/{path}"
    return {
        "id": number,
        "node_id": f"R_{number}",
        "name": name,
        "full_name": path,
        "private": private,
        "owner": user_document(api, owner, 100, "Organization"),
        "html_url": f"{web}/{path}",
        "description": None,
        "fork": False,
        "url": url,
        **{key: url + end for key, end in _REPOSITORY_LINKS.items()},
        "clone_url": f"{web}/{path}.git",
        "git_url": f"git:{path}.git",
        "ssh_url": f"git@{path}.git",
        "svn_url": f"{web}/{path}",
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        **dict.fromkeys(_COUNTS, 0),
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "archived": False,
        "disabled": False,
        "default_branch": default_branch,
        "pushed_at": _WHEN,
        "created_at": _WHEN,
        "updated_at": _WHEN,
    }


def commit_document(
    api: str, web: str, path: str, facts: CommitFacts
) -> dict[str, Any]:
    """A "commit"."""
    url = f"{api}/repos/{path}/commits/{facts.sha}"

    def person(who: tuple[str, str, str]) -> dict[str, str]:
        return {"name": who[0], "email": who[1], "date": who[2]}

    return {
        "sha": facts.sha,
        "node_id": f"C_{facts.sha[:12]}",
        "url": url,
        "html_url": f"{web}/{path}/commit/{facts.sha}",
        "comments_url": f"{url}/comments",
        "commit": {
            "url": f"{api}/repos/{path}/git/commits/{facts.sha}",
            "author": person(facts.author),
            "committer": person(facts.committer),
            "message": facts.message,
            "comment_count": 0,
            "tree": {
                "sha": facts.tree,
                "url": f"{api}/repos/{path}/git/trees/{facts.tree}",
            },
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "payload": None,
                "signature": None,
                "verified_at": None,
            },
        },
        "author": None,
        "committer": None,
        "parents": [
            {"sha": p, "url": f"{api}/repos/{path}/commits/{p}"} for p in facts.parents
        ],
    }

"""The types that the fake GitLab and Bitbucket are held to refuse what is wrong."""

from __future__ import annotations

import pytest

from tests.fakes.described import bitbucket_faults, gitlab_faults

pytestmark = pytest.mark.processes
TREE = "GET /projects/{id}/repository/tree"
COMMIT = "GET /repositories/{workspace}/{repo_slug}/commit/{commit}"


def test_gitlab_s_types_find_what_is_missing_or_of_another_type() -> None:
    entry = {"id": "1", "name": "a", "type": "blob", "path": "a", "mode": "100644"}
    faults = gitlab_faults(
        [
            (TREE, 200, [entry]),
            (TREE, 200, [{**entry, "mode": 33188}]),
            (TREE, 200, [{k: v for k, v in entry.items() if k != "id"}]),
            (TREE, 404, {"message": "404 Tree Not Found"}),
            (TREE, 404, {"error": "no"}),
            ("GET /teapot", 200, {}),
        ]
    )
    assert [fault.split(": ")[0] for fault in faults] == [
        f"{TREE} 200",
        f"{TREE} 200",
        f"{TREE} 404",
        "GET /teapot 200",
    ]
    assert "'number' is not assignable to type 'string'" in faults[0]


def test_bitbucket_s_own_description_finds_what_it_does_not_know() -> None:
    commit = {"type": "commit", "hash": "0" * 40}
    error = {"type": "error", "error": {"message": "no"}}
    faults = bitbucket_faults(
        [
            (COMMIT, 200, commit),
            (COMMIT, 200, {**commit, "hash": 7}),
            (COMMIT, 200, {"hash": "0" * 40}),
            (COMMIT, 404, error),
            (COMMIT, 404, {**error, "error": "no"}),
            ("GET /teapot", 200, commit),
        ]
    )
    assert [fault.split(": ")[0] for fault in faults] == [
        f"{COMMIT} 200",
        f"{COMMIT} 200",
        f"{COMMIT} 404",
        "GET /teapot 200",
    ]

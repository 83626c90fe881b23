"""GitLab's and Bitbucket's documents, held to TypeScript types of their APIs.

Bitbucket's types are generated from its own OpenAPI description (npm
`@coderabbitai/bitbucket`). GitLab's are those of `@gitbeaker/core`, another reader of
GitLab's documentation; where that says less than GitLab answers, the table here says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.fakes.node_modules import find_package

Answered = tuple[str, int, Any]

_PLACE = "/projects/{id}/repository"
_NOTES = "/projects/{id}/merge_requests/{iid}/notes"
# The type has undefined, or nothing, where GitLab sends null.
_ISSUE = (
    "Omit<IssueSchema, 'closed_at' | 'closed_by' | 'milestone' | 'due_date' | "
    "'discussion_locked'> & {closed_at: string | null, closed_by: null, "
    "milestone: null, due_date: string | null, discussion_locked: boolean | null}"
)
_GITLAB = {
    # An empty project has no default branch, whatever the type says.
    "GET /projects/{id}": "Omit<SimpleProjectSchema, 'default_branch'> & "
    "{default_branch: string | null, empty_repo: boolean}",
    f"GET {_PLACE}/commits/{{sha}}": "CommitSchema",
    f"GET {_PLACE}/branches": "BranchSchema[]",
    # A tag without a release has null there.
    f"GET {_PLACE}/tags": "(Omit<TagSchema, 'release' | 'created_at'> & "
    "{release: null, created_at: string | null})[]",
    f"GET {_PLACE}/tree": "RepositoryTreeSchema[]",
    # Nothing between two commits that are the same.
    f"GET {_PLACE}/compare": "Omit<RepositoryCompareSchema, 'commit'> & "
    "{commit: CommitSchema | null, commits: CommitSchema[]}",
    f"GET {_PLACE}/commits": "CommitSchema[]",
    f"GET {_PLACE}/merge_base": "CommitSchema",
    f"GET {_PLACE}/commits/{{sha}}/merge_requests": "MergeRequestSchema[]",
    "GET /projects/{id}/merge_requests/{iid}": "ExpandedMergeRequestSchema",
    f"GET {_NOTES}": "MergeRequestNoteSchema[]",
    f"POST {_NOTES}": "MergeRequestNoteSchema",
    f"PUT {_NOTES}/{{note_id}}": "MergeRequestNoteSchema",
    "GET /projects/{id}/issues": f"({_ISSUE})[]",
    "POST /projects/{id}/issues": _ISSUE,
    "PUT /projects/{id}/issues/{iid}": _ISSUE,
    # The e-mail is for administrators.
    "GET /projects/{id}/members/all": "(Omit<SimpleMemberSchema, 'email' | "
    "'expires_at'> & {expires_at: string | null})[]",
    "GET /user": "UserSchema",
}
_GITLAB_NAMES = (
    "SimpleProjectSchema, CommitSchema, BranchSchema, TagSchema, "
    "RepositoryTreeSchema, RepositoryCompareSchema, MergeRequestSchema, "
    "ExpandedMergeRequestSchema, MergeRequestNoteSchema, IssueSchema, "
    "SimpleMemberSchema, UserSchema"
)
_LINE = re.compile(r"check\.ts\((\d+),\d+\): error (.*)")


def gitlab_faults(answered: Sequence[Answered]) -> list[str]:
    """Say which documents GitLab could not have sent."""

    def type_of(operation: str, status: int) -> str:
        if status >= 300:
            return "{message: string}"
        return _GITLAB.get(operation, "never")

    head = f'import type {{{_GITLAB_NAMES}}} from "@gitbeaker/core";'
    return _type_faults(head, answered, type_of)


def bitbucket_faults(answered: Sequence[Answered]) -> list[str]:
    """Say which documents Bitbucket could not have sent."""

    def type_of(operation: str, status: int) -> str:
        if status >= 300:
            return 'components["schemas"]["error"]'
        method, _, path = operation.partition(" ")
        answer = f'paths["{path}"]["{method.lower()}"]["responses"][{status}]'
        return f'{answer}["content"]["application/json"]'

    head = 'import type {components, paths} from "./bitbucket.js";'
    return _type_faults(head, answered, type_of)


def _type_faults(
    head: str, answered: Sequence[Answered], type_of: Callable[[str, int], str]
) -> list[str]:
    lines, places = [head], [""]
    known = set()
    for operation, status, document in answered:
        line = f"({json.dumps(document)}) satisfies {type_of(operation, status)};"
        if line not in known:
            known.add(line)
            lines.append(line)
            places.append(f"{operation} {status}")
    return [
        f"{places[number - 1] or 'the types'}: {fault}"
        for number, fault in _compile("\n".join(lines) + "\nexport {};\n")
    ]


def _compile(program: str) -> list[tuple[int, str]]:
    """The faults that TypeScript finds, with their lines."""
    find_package("@gitbeaker/core")
    modules = find_package("typescript").parent
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "node_modules").symlink_to(modules)
        (folder / "check.ts").write_text(program)
        (folder / "bitbucket.d.ts").write_text(_bitbucket_types())
        done = subprocess.run(
            [
                "node",
                str(modules / "typescript/bin/tsc"),
                *("--noEmit", "--strict", "--skipLibCheck"),
                *("--target", "es2022", "--module", "nodenext"),
                *("--preserveSymlinks", "check.ts"),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    found = [(int(n), text) for n, text in _LINE.findall(done.stdout)]
    if done.returncode != 0 and not found:
        raise RuntimeError(f"tsc: {done.stdout}{done.stderr}")
    return found


def _bitbucket_types() -> str:
    """Bitbucket's types without "and anything else", in which Omit loses every field."""
    package = find_package("@coderabbitai/bitbucket")
    file = package / "dist/cloud/openapi/openapi-typescript.d.ts"
    return file.read_text().replace("Readonly<Record<string, unknown>>", "{}")

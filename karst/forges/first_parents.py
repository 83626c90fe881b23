"""A branch's own commits among many: not those of the branches merged into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def first_parents(parents: Mapping[str, Sequence[str]], until: str) -> list[str]:
    """The way from `until` along first parents within `parents`, the oldest first."""
    left = dict(parents)
    chain = []
    commit = until
    while commit in left:
        chain.append(commit)
        commit = next(iter(left.pop(commit)), "")
    return chain[::-1]

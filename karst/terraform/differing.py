"""What really differs in a resource, of all that Terraform's JSON tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differing(change: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the attributes that an update or a replacement is for."""
    before, after = change.get("before"), change.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ()
    unknown = change.get("after_unknown") or {}
    forced = {str(p[0]) for p in change.get("replace_paths") or [] if p}
    # What is made anew gets what it does not say from its image and the engine.
    unsaid = {n for n in before if forced and after.get(n) is None}
    computed = {n for n in {*before, *after} if unknown.get(n) is True}
    hidden = (computed | unsaid) - forced
    found = _unlike(before, after) - hidden
    # A door's name, labels and more have its release, which is new for a reason.
    past, present = _release(before), _release(after)
    if past and present and past != present:
        renamed = _renamed(before, past, present)
        found = (_unlike(renamed, after) - hidden) or found
    return tuple(sorted(found))


def _unlike(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {n for n in {*before, *after} if not _same(before.get(n), after.get(n))}


def _same(before: Any, after: Any) -> bool:
    """The provider writes "nothing" as null on one side, as zero or empty on the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        return not _unlike(before, after)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return bool(before == after or not (before or after))


def _release(values: Mapping[str, Any]) -> str:
    labels = values.get("labels")
    for each in labels if isinstance(labels, list) else []:
        if isinstance(each, dict) and each.get("label") == "karst.release":
            return str(each.get("value") or "")
    return ""


def _renamed(value: Any, past: str, present: str) -> Any:
    if isinstance(value, str):
        return value.replace(past, present)
    if isinstance(value, list):
        return [_renamed(each, past, present) for each in value]
    if isinstance(value, dict):
        return {n: _renamed(each, past, present) for n, each in value.items()}
    return value

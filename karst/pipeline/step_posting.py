"""A plan on its way from a run that may not comment to one that may.

The first run is a stranger's: whoever opened the request decides what its workflow
does. So what it leaves is bounded, checked field by field, and rendered here, by this
karst's words; it carries no Markdown, no link, no alert and no signature.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from karst.errors import ConfigError
from karst.report.model import PlanReport, ServiceLine

FILE = "for-comment.json"
_LONGEST = 512 * 1024
_MOST_FILES = 20
_MOST_SERVICES = 500
_MOST_ITEMS = 500
_MOST_RESOURCES = 2000
_LONGEST_TEXT = 1000
UNVERIFIED = "planned by the request's own run, whose workflow its author can change: take it as the author's word, not as a check"


def write_posted(report: PlanReport) -> str:
    """The plan as the second run reads it."""
    lines = [{**_line_document(s)} for s in report.services[:_MOST_SERVICES]]
    document = {
        "version": 1,
        "stack": report.stack,
        "target": report.target,
        "label": report.label,
        "limited": report.limited,
        "services": lines,
        "resources": [
            {
                "address": r.address,
                "role": r.role,
                "key": r.key,
                "actions": r.actions,
                "attributes": r.attributes,
            }
            for r in report.resources[:_MOST_RESOURCES]
        ],
        "mesh": {k: list(v) for k, v in report.mesh.items()},
    }
    return json.dumps(document, sort_keys=True)


def _line_document(line: ServiceLine) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(line).items()
        if name != "compare"
    }


def read_posted(folder: Path) -> tuple[PlanReport, ...]:
    """Read the plans that another run left below `folder`, none where it could comment.

    Raises ConfigError for one that is not as `write_posted` writes it.

    Links are not followed, and nothing but files of this one name is opened.
    """
    found = sorted(_files(folder))
    if len(found) > _MOST_FILES:
        raise _unfit(folder, f"more than {_MOST_FILES} plans")
    return tuple(_read(path) for path in found)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, followlinks=False):
        if len(Path(root).relative_to(folder).parts) > 4:
            folders.clear()
        if FILE in files:
            yield Path(root) / FILE


def _read(path: Path) -> PlanReport:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            raw = file.read(_LONGEST + 1)
    except OSError as error:
        raise _unfit(path, f"it can't be read ({error.strerror})") from None
    if len(raw) > _LONGEST:
        raise _unfit(path, f"it is longer than {_LONGEST} bytes")
    return parse_posted(raw, where=path)


def parse_posted(raw: bytes, *, where: Path) -> PlanReport:
    """Check every field of what a stranger wrote; raises ConfigError."""
    from pydantic import TypeAdapter, ValidationError

    try:
        document = json.loads(raw)
        if not isinstance(document, dict) or document.pop("version", None) != 1:
            raise _unfit(where, "it is no plan of a version that this karst reads")
        if unknown := set(document) - _KEYS:
            raise _unfit(where, f"it has the unknown key {min(unknown)!r:.40}")
        report: PlanReport = TypeAdapter(PlanReport).validate_python(document)
    except (ValidationError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unfit(where, f"it is no plan ({first:.80})") from None
    _bound(report, where)
    return replace(
        report,
        services=tuple(replace(s, compare=None) for s in report.services),
        notes=(UNVERIFIED,),
    )


# Alerts, notes and moved slugs are left out: they would be told as karst's own words.
_KEYS = {"stack", "target", "label", "limited", "services", "resources", "mesh"}


def _bound(report: PlanReport, where: Path) -> None:
    counted = (
        (len(report.services), _MOST_SERVICES, "services"),
        (len(report.resources), _MOST_RESOURCES, "resources"),
        (len(report.mesh), _MOST_SERVICES, "callers"),
    )
    for count, most, what in counted:
        if count > most:
            raise _unfit(where, f"it has more than {most} {what}")
    for value in _values(report):
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise _unfit(where, f"one of its texts is longer than {_LONGEST_TEXT}")
        if isinstance(value, tuple) and len(value) > _MOST_ITEMS:
            raise _unfit(where, f"one of its lists is longer than {_MOST_ITEMS}")


def _values(report: PlanReport) -> Iterator[object]:
    yield from (report.stack, report.target, report.label)
    for each in (*report.services, *report.resources):
        for value in vars(each).values():
            yield value
            if isinstance(value, tuple):
                yield from value
    for caller, callees in report.mesh.items():
        yield from (caller, callees, *callees)


def _unfit(where: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the other run's plan is not taken: {why}",
        where=str(where),
        remedy="look at that run: its workflow is the request's own",
    )

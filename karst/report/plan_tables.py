"""A plan's services as a table, and its resources as a list, in several lengths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from karst.report.escaping import code, code_block, count, link, names, table
from karst.report.fitting import Part
from karst.report.model import MovedSlug, PlanReport, ServiceLine
from karst.terraform import ResourceChange

_ALL = 100_000
_HOW = {
    "release": "new release",
    "repair": "repaired: altered by hand",
    "door": "published port only",
    "edges": "edges only, no restart",
    "": "",
}
_ORDER = ("remove", "change", "add", "keep")


@dataclass(frozen=True)
class Look:
    """How much of each service a table shows.

    Attributes:
        width: characters of one foreign text.
        named: names in one cell.
        rows: services; the others are counted.
    """

    width: int = 200
    named: int = 12
    rows: int = _ALL
    why: bool = True
    starts: bool = True
    edge_rows: bool = True


def services_part(report: PlanReport, look: Look = Look()) -> Part:
    """A table of what changes; at the least, how many services do."""
    plain = replace(look, why=False, width=60, named=6)
    narrow = replace(plain, starts=False, width=40, named=3)
    few = replace(narrow, edge_rows=False)
    looks = [look, replace(look, why=False), plain, narrow, few]
    looks += [replace(few, rows=rows, width=32) for rows in (100, 50, 25, 12, 5, 0)]
    return Part(
        "the table of services",
        tuple(partial(_services, report, each) for each in looks),
        gives=8,
    )


def _services(report: PlanReport, look: Look) -> str:
    changed = [s for s in report.services if s.action != "keep"]
    changed.sort(key=lambda s: _ORDER.index(s.action))
    quiet = [s for s in changed if s.how == "edges"]
    if not look.edge_rows:
        changed = [s for s in changed if s.how != "edges"]
    else:
        quiet = []
    rows = [_row(s, look) for s in changed[: look.rows]]
    header = ("", "Service", "Commit", "Starts with", "Port", "Edges")
    parts = []
    if rows:
        # A column that nobody fills only takes width.
        kept = [i for i in range(len(header)) if i < 2 or any(row[i] for row in rows)]
        parts.append(
            table([header[i] for i in kept], [[r[i] for i in kept] for r in rows])
        )
    if len(changed) > look.rows:
        more = " more" if rows else ""
        parts.append(
            f"{count(len(changed) - look.rows, f'{more} service').strip()} would be touched, not shown here."
        )
    if quiet:
        parts.append(
            f"{count(len(quiet), 'service')} get new peer files only; nothing of them restarts."
        )
    return "\n\n".join(parts)


def _row(line: ServiceLine, look: Look) -> tuple[str, ...]:
    what = f"**{line.action}**"
    if line.action == "change":
        what += f"<br>{_HOW[line.how]}"
    return (
        what,
        _named(line, look),
        _commits(line),
        _starts(line, look),
        "<br>".join(code(port, look.width) for port in line.ports),
        _edges(line, look),
    )


def _named(line: ServiceLine, look: Look) -> str:
    parts = [f"**{code(line.service, 200)}**"]
    if line.slug:
        parts.append(code(line.slug, look.width))
    if line.differs and look.why:
        parts.append(f"differs in: {names(line.differs, look.named, look.width)}")
    return "<br>".join(parts)


def _commits(line: ServiceLine) -> str:
    old, new = code(line.old_commit[:7]), code(line.new_commit[:7])
    if line.old_commit == line.new_commit or not (old and new):
        return new or old
    text = f"{old} → {new}"
    if not line.compare:
        return text
    ahead = line.compare.ahead
    label = "compare" if ahead is None else count(ahead, "commit")
    return f"{text}<br>{link(label, line.compare.url)}"


def _starts(line: ServiceLine, look: Look) -> str:
    if not look.starts:
        return ""
    parts = [code(line.entrypoint, look.width)]
    if look.why and line.why:
        parts.append(f"because of {code(line.why, look.width)}")
    if line.image:
        parts.append(f"image {code(line.image, look.width)}")
    return "<br>".join(part for part in parts if part)


def _edges(line: ServiceLine, look: Look) -> str:
    if line.action == "remove":
        return ""
    ways = (("opens", line.opened), ("closes", line.closed))
    return "<br>".join(
        f"**{word}** {names(found, look.named, look.width)}"
        for word, found in ways
        if found
    )


def unchanged_part(report: PlanReport) -> Part:
    kept = [s.service for s in report.services if s.action == "keep"]
    title = count(len(kept), "service stays as it is", "services stay as they are")

    def listed() -> str:
        return details(title, names(kept, _ALL, 200)) if kept else ""

    return Part("names of unchanged services", (listed, lambda: ""), gives=2)


def moved_part(moved: Iterable[MovedSlug]) -> Part:
    found = list(moved)

    def listed() -> str:
        lines = [f"- {_moved(each)}" for each in found]
        title = count(len(found), "ref has moved on", "refs have moved on")
        said = "`repos.lock` still holds the former commits; `karst lock` takes the new ones."
        return "\n".join([f"**{title}.** {said}", "", *lines]) if found else ""

    def counted() -> str:
        title = count(len(found), "ref has moved on", "refs have moved on")
        return f"**{title}** since `repos.lock` was written." if found else ""

    return Part("the list of refs that moved on", (listed, counted), gives=3)


def _moved(each: MovedSlug) -> str:
    way = f"{code(each.locked[:7])} → {code(each.newest[:7])}"
    if each.compare:
        ahead = each.compare.ahead
        label = "compare" if ahead is None else count(ahead, "commit")
        way += f" ({link(label, each.compare.url)})"
    return f"{code(each.service, 200)}: {code(each.slug, 200)} {way}"


def notes_part(notes: Iterable[str]) -> Part:
    lines = [f"- {code(note, 600)}" for note in notes]
    return Part("notes", (lambda: "\n".join(lines), lambda: ""), gives=4)


def resources_part(report: PlanReport) -> Part:
    """Terraform's resources, folded: addresses, actions, names of what differs."""

    def listed(rows: int, attributes: bool) -> str:
        return _resources(report, rows, attributes=attributes)

    return Part(
        "Terraform's resources",
        (
            lambda: listed(_ALL, True),
            lambda: listed(_ALL, False),
            lambda: listed(100, False),
            lambda: listed(0, False),
        ),
        gives=1,
    )


def _resources(report: PlanReport, rows: int, *, attributes: bool) -> str:
    if not report.resources:
        return ""
    counts = report.resource_counts
    title = f"Terraform: {counts['create']} to create, {counts['update']} to update, {counts['delete']} to delete"
    if not rows:
        return title + "."
    lines = [_resource(r, attributes=attributes) for r in report.resources[:rows]]
    if len(report.resources) > rows:
        lines.append(f"  and {len(report.resources) - rows} more")
    return details(title, code_block(lines, "diff"))


def _resource(change: ResourceChange, *, attributes: bool) -> str:
    if change.actions == ("create",):
        mark, what = "+", "create"
    elif change.actions == ("delete",):
        mark, what = "-", "delete"
    elif "delete" in change.actions:
        mark, what = "!", "replace"
    else:
        mark, what = "!", "/".join(change.actions)
    text = f"{mark} {what} {change.address}"
    if attributes and change.attributes:
        text += f" (differs in {', '.join(change.attributes)})"
    return text


def details(title: str, body: str, *, opened: bool = False) -> str:
    """Folded Markdown; `title` is karst's own words."""
    mark = " open" if opened else ""
    return f"<details{mark}>\n<summary>{title}</summary>\n\n{body}\n\n</details>"

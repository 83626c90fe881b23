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
    "release": "new&nbsp;release",
    "repair": "altered by hand,<br>repaired",
    "door": "published&nbsp;port<br>only",
    "leftover": "old&nbsp;release<br>removed",
    "edges": "edges&nbsp;only,<br>no&nbsp;restart",
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
    few = replace(narrow, edge_rows=False, width=32)
    shorter = {40: replace(look, why=False), 41: plain, 42: narrow, 50: few}
    rows = {51: 100, 52: 50, 53: 25, 60: 12, 61: 6, 62: 3, 70: 0}
    shorter |= {early: replace(few, rows=count) for early, count in rows.items()}
    return Part(
        "the table of services",
        partial(_services, report, look),
        tuple((early, partial(_services, report, s)) for early, s in shorter.items()),
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
    header = ("", "Service and commit", "Starts with", "Ports and edges")
    parts = []
    if rows:
        # A column that nobody fills only takes width.
        kept = [i for i in range(len(header)) if i < 2 or any(row[i] for row in rows)]
        parts.append(
            table([header[i] for i in kept], [[r[i] for i in kept] for r in rows])
        )
    if len(changed) > look.rows:
        what = "more service" if rows else "service"
        left = count(len(changed) - look.rows, what)
        parts.append(f"{left} would be touched, not shown here.")
    if quiet:
        gets = count(len(quiet), "service gets", "services get")
        parts.append(f"{gets} new peer files only; nothing of theirs restarts.")
    return "\n\n".join(parts)


def _row(line: ServiceLine, look: Look) -> tuple[str, ...]:
    what = f"**{line.action}**"
    if line.action == "change":
        what += f"<br>{_HOW[line.how]}"
    return (what, _named(line, look), _starts(line, look), _reach(line, look))


def _named(line: ServiceLine, look: Look) -> str:
    parts = [
        f"**{code(line.service, 200)}**",
        code(line.slug, look.width),
        _commits(line),
    ]
    if line.differs and look.why:
        parts.append(f"differs in {names(line.differs, look.named, look.width)}")
    return "<br>".join(part for part in parts if part)


def _commits(line: ServiceLine) -> str:
    old, new = code(line.old_commit[:7]), code(line.new_commit[:7])
    if line.action == "change" and old and not new:
        return f"{old}&nbsp;→&nbsp;none"
    if line.old_commit == line.new_commit or not (old and new):
        return new or old
    # Non-breaking spaces: a narrow column must not part them.
    text = f"{old}&nbsp;→&nbsp;{new}"
    if not line.compare:
        return text
    ahead = line.compare.ahead
    label = "compare" if ahead is None else count(ahead, "commit")
    return f"{text}, {link(label, line.compare.url)}"


def _starts(line: ServiceLine, look: Look) -> str:
    if not look.starts:
        return ""
    parts = [code(line.entrypoint, look.width)]
    if look.why and line.why:
        parts.append(f"because of {code(line.why, look.width)}")
    if line.image:
        parts.append(f"image {code(line.image, look.width)}")
    return "<br>".join(part for part in parts if part)


def _reach(line: ServiceLine, look: Look) -> str:
    if line.action == "remove":
        return ""
    parts = [names(line.ports, look.named, look.width)]
    for word, found in (("opens", line.opened), ("closes", line.closed)):
        if found:
            parts.append(f"**{word}** {names(found, look.named, look.width)}")
    return "<br>".join(part for part in parts if part)


def unchanged_part(report: PlanReport) -> Part:
    kept = [s.service for s in report.services if s.action == "keep"]
    title = count(len(kept), "service stays as it is", "services stay as they are")

    def listed() -> str:
        return details(title, names(kept, _ALL, 200)) if kept else ""

    return Part("names of unchanged services", listed, ((25, lambda: ""),))


def moved_part(moved: Iterable[MovedSlug]) -> Part:
    found = list(moved)

    def listed() -> str:
        lines = [f"- {_moved(each)}" for each in found]
        title = count(len(found), "ref has moved on", "refs have moved on")
        said = "`repos.lock` holds them where they are; `karst lock --upgrade` moves it on."
        return "\n".join([f"**{title}.** {said}", "", *lines]) if found else ""

    def counted() -> str:
        title = count(len(found), "ref has moved on", "refs have moved on")
        return f"**{title}** since `repos.lock` was written." if found else ""

    return Part("the list of refs that moved on", listed, ((30, counted),))


def _moved(each: MovedSlug) -> str:
    way = f"{code(each.locked[:7])} → {code(each.newest[:7])}"
    if each.compare:
        ahead = each.compare.ahead
        label = "compare" if ahead is None else count(ahead, "commit")
        way += f" ({link(label, each.compare.url)})"
    return f"{code(each.service, 200)}: {code(each.slug, 200)} {way}"


def notes_part(notes: Iterable[str]) -> Part:
    lines = [f"- {code(note, 600)}" for note in notes]
    return Part("notes", lambda: "\n".join(lines), ((35, lambda: ""),))


def resources_part(report: PlanReport) -> Part:
    """Terraform's resources, folded: addresses, actions, names of what differs."""

    shown = partial(_resources, report)
    return Part(
        "Terraform's resources",
        partial(shown, _ALL, attributes=True),
        (
            (20, partial(shown, _ALL, attributes=False)),
            (21, partial(shown, 100, attributes=False)),
            (22, partial(shown, 0, attributes=False)),
        ),
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

"""lock: pin what repos.yaml names, move pins on, and check them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from karst.cli.output import print_document, say
from karst.cli.wiring import load_settings, load_spec, open_workbench
from karst.errors import UsageError
from karst.fetch.lock_file import lock_path, read_lock, write_lock

if TYPE_CHECKING:
    from karst.fetch.lock import LockEntry
    from karst.pipeline.locking import LockChange, Locked


def lock_command(
    file: Path,
    *,
    names: list[str],
    upgrade: bool,
    check: bool,
    as_json: bool,
    stack: str | None,
    verbose: bool,
) -> None:
    if check and (upgrade or names):
        raise UsageError(
            "--check changes nothing, so it takes no --upgrade and no names",
            remedy="say `karst lock --check`, or `karst lock --upgrade [NAME...]`",
        )
    if names and not upgrade:
        raise UsageError(
            "names are for --upgrade",
            remedy=f"say `karst lock --upgrade {' '.join(names)}`",
        )
    if check:
        _check(file, stack, as_json=as_json)
        return
    from karst.pipeline.locking import make_lock

    bench = open_workbench(file, stack=stack, verbose=verbose)
    with bench.alone():
        locked = make_lock(
            bench.tools,
            bench.spec,
            bench.settings,
            read_lock(bench.lock_file),
            names if upgrade else None,
        )
        written = write_lock(bench.lock_file, locked.lock)
    if as_json:
        print_document(_document(locked, bench.lock_file, written=written))
    else:
        say(_text(locked, bench.lock_file, written=written))


def _check(file: Path, stack: str | None, *, as_json: bool) -> None:
    from karst.pipeline.locking import check_lock

    spec = load_spec(file, load_settings(), stack)
    path = lock_path(file)
    lock = read_lock(path)
    check_lock(spec, lock, where=str(path))
    count = len(lock.entries) if lock else 0
    if as_json:
        print_document({"lock": str(path), "pinned": count})
    else:
        say(f"{path} answers for {file}: {count} pinned.")


def _text(locked: Locked, path: Path, *, written: bool) -> str:
    from karst.report.moves_text import render_moves
    from karst.report.table import render_table

    lines = []
    changed = [change for change in locked.changes if not change.is_same]
    if changed:
        header = ("SERVICE", "FROM", "PINNED", "ENTRYPOINT")
        lines.append(render_table(header, [_row(change) for change in changed]))
    lines += [
        f"not pinned: {spec.name} ({spec.slug}): files of the workspace, taken as they are"
        for spec in locked.unpinned
    ]
    lines += [
        f"not pinned: {entry.service} ({entry.image}): no registry gave a digest"
        for entry in locked.lock.entries
        if entry.image and not entry.digest
    ]
    moves = render_moves(locked.moves.moved, (*locked.moves.notes, *locked.notes))
    lines += [moves] if moves else []
    done = "Wrote" if written else "Nothing to change in"
    kept = len(locked.lock.entries) - sum(1 for c in changed if c.new)
    lines.append(f"{done} {path}: {len(changed)} changed, {kept} kept.")
    return "\n".join(lines)


def _row(change: LockChange) -> tuple[str, ...]:
    old, new = change.old, change.new
    entry = new or old
    assert entry  # noqa: S101  (a change has one of the two)
    before, after = _pin(old), _pin(new)
    pinned = after if before in ("", after) else f"{before} -> {after or 'removed'}"
    return (change.service, entry.image or str(entry.slug), pinned, entry.entrypoint)


def _pin(entry: LockEntry | None) -> str:
    if entry is None:
        return ""
    return entry.commit[:12] or entry.digest[:19] or "no digest"


def _document(locked: Locked, path: Path, *, written: bool) -> dict[str, Any]:
    from karst.report.moves_text import moves_document

    return {
        "lock": str(path),
        "written": written,
        "changed": [c.service for c in locked.changes if not c.is_same],
        "unpinned": [spec.name for spec in locked.unpinned],
        "moved": moves_document(locked.moves.moved),
        "notes": [*locked.moves.notes, *locked.notes],
    }

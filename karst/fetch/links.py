"""Where symbolic links of a tree lead, followed without asking the file system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from karst.config.legible import legible
from karst.errors import FetchError

# The kernel gives up after as many. Programs that don't may take the rest of the way
# from where they stand, which for `a -> a/../..` is outside.
_MOST_HOPS = 40
# Honest links take a few steps each; tangled ones would take 40 long walks each.
_MOST_STEPS = 2_000_000


def refuse_leaving(
    links: Mapping[str, str], checked: Iterable[str], *, where: str
) -> None:
    """Raise FetchError for the first link of `checked` that leaves the tree.

    Args:
        links: target by path of every link of the tree. A link that goes out and
            comes back by the folder's own name leaves it, too: the folder will have
            another name elsewhere.
    """
    steps = 0
    for path in checked:
        wrong, taken = _follow(path, links)
        steps += taken
        if wrong:
            raise FetchError(
                f"the link '{legible(path)}' leads {wrong}, to '{legible(links[path])}'",
                where=where,
                remedy="put a copy of the file in its place, or remove the link",
            )
        if steps > _MOST_STEPS:
            raise FetchError(
                "the links lead through each other without end",
                where=where,
                remedy="karst does not take such a repository; ask whoever owns it",
            )


def _follow(path: str, links: Mapping[str, str]) -> tuple[str, int]:
    """Say what is wrong with where `path` leads, or "", and how many steps it took."""
    place = path.split("/")[:-1]
    pending = _steps(links[path])
    taken = hops = 0
    while pending:
        if hops > _MOST_HOPS:
            return "in a circle", taken
        taken += 1
        step = pending.pop()
        if step == "/" or (step == ".." and not place):
            return "out of the folder", taken
        if step == "..":
            place.pop()
        elif (target := links.get("/".join([*place, step]))) is None:
            place.append(step)
        else:
            hops += 1
            pending += _steps(target)
    return "", taken


def _steps(target: str) -> list[str]:
    """The parts of a target, the first one last; "/" stands for the root."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    return parts[::-1] + ["/"] * target.startswith("/")

"""From which folder a file imports: what decides between `-m module` and a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from karst.inspection.commands import DOTTED_NAME
from karst.inspection.source import SourceTree

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|(?:[^\n;\\]|\\\n)*)"
    r"|import[ \t]+([^\n;(]+))",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Place:
    """How a file is imported: `base` is the folder on sys.path, "" for the tree.

    `module` is its dotted name from there, "" where it can't have one.
    """

    base: str
    module: str


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def under(folder: str, path: str) -> str:
    """`path` seen from above `folder`; either may be ""."""
    return f"{folder}/{path}".strip("/")


def place_in(tree: SourceTree, path: str) -> Place:
    """Find the folder from which `path` is imported.

    That is the one from which most of its own absolute imports can be found; where
    they say nothing, the first folder above it without an __init__.py.
    """
    return tree.once("place", path, lambda _: _place_in(tree, path))


def _place_in(tree: SourceTree, path: str) -> Place:
    above = _ancestors(path)
    if path.endswith("/__init__.py"):
        above = above[1:]  # a package is imported from above itself
    outer = above[_dots(tree, path) :]
    package = next((f for f in outer if not tree.is_file(under(f, "__init__.py"))), "")
    names = {name.partition(".")[0] for name in absolute_imports(tree, path)}
    names -= sys.stdlib_module_names
    scores = {f: sum(_holds(tree, f, name, path) for name in names) for f in above}
    most = max(scores.values())
    base = package
    if scores[package] < most:
        base = next(f for f in above if scores[f] == most)
    inner = path[len(base) :].strip("/").removesuffix(".py")
    inner = inner.removesuffix("/__init__")
    dotted = inner.replace("/", ".")
    return Place(base, dotted if DOTTED_NAME.fullmatch(dotted) else "")


def _dots(tree: SourceTree, path: str) -> int:
    """How far up its relative imports go: so many folders are packages, by name or not."""
    modules = [module for module, _ in imported_names(tree, path).values()]
    return max((len(m) - len(m.lstrip(".")) for m in modules), default=0)


def _ancestors(path: str) -> list[str]:
    """The folders above a file, the nearest first, "" last."""
    folder = folder_of(path)
    found = [folder]
    while folder:
        folder = folder_of(folder)
        found.append(folder)
    return found


def _holds(tree: SourceTree, folder: str, name: str, asker: str) -> bool:
    file = under(folder, f"{name}.py")
    if file in tree.files:
        return file != asker
    return under(folder, name) in tree.packages


def absolute_imports(tree: SourceTree, path: str) -> frozenset[str]:
    """Dotted names that the file imports absolutely, `a.b` for `from a import b`."""
    names: set[str] = set()
    for module, name in imported_names(tree, path).values():
        if not module.startswith("."):
            names |= {module, f"{module}.{name}"} if name else {module}
    return frozenset(names)


def imported_names(tree: SourceTree, path: str) -> dict[str, tuple[str, str]]:
    """Local names, and the module and name that each stands for.

    `import a.b` gives ("a.b", ""); a module begins with dots where it is relative.
    Read as text: for a large tree that is much quicker than by syntax.
    """
    return tree.once("names", path, lambda _: dict(_names(tree.read(path) or "")))


def _names(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    for match in _IMPORT.finditer(text):
        module, listed, plain = match.groups()
        for part in re.sub(r"#.*|[()\\]", "", listed or plain).split(","):
            words = part.split()
            if not words:
                continue
            local = words[2] if words[1:2] == ["as"] and len(words) > 2 else words[0]
            if module:
                yield local, (module, words[0])
            else:
                first = local if len(words) > 2 else words[0].partition(".")[0]
                yield first, (words[0], "")


def imported_files(tree: SourceTree, path: str) -> frozenset[str]:
    """Files of the tree that the file imports, relative imports too."""
    return tree.once("imported", path, lambda _: frozenset(_imported(tree, path)))


def _imported(tree: SourceTree, path: str) -> Iterator[str]:
    for module, name in imported_names(tree, path).values():
        yield from files_of(tree, path, module, name)


def files_of(tree: SourceTree, path: str, module: str, name: str = "") -> Iterator[str]:
    """Files that `from module import name` in `path` may mean."""
    if not module.startswith("."):
        base = place_in(tree, path).base if "." in module or name else folder_of(path)
        for each in (module, f"{module}.{name}") if name else (module,):
            if found := module_file(tree, each, base):
                yield found
        return
    folder = path
    for _ in range(len(module) - len(module.lstrip("."))):
        folder = folder_of(folder)
    inner = module.lstrip(".").replace(".", "/")
    for end in (inner, under(inner, name)):
        for form in (".py", "/__init__.py"):
            file = (under(folder, end) + form).lstrip("/")
            if file in tree.files:
                yield file


def module_file(tree: SourceTree, module: str, base: str = "") -> str | None:
    """The file of a dotted name below `base`, or below src/; None where there is none."""
    inner = module.replace(".", "/")
    for folder in dict.fromkeys((base, "", "src")):
        for form in (".py", "/__init__.py"):
            path = under(folder, inner) + form
            if path in tree.files:
                return path
    return None

"""YAML or JSON text read into plain data that remembers its lines.

Scalars follow the YAML 1.2 core schema, for the older one surprises: there `no` is
false, `1000:50` is sixty thousand and fifty, and `1.10` as text becomes `1.1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from karst.config.legible import legible
from karst.config.nodes import MAX_DEPTH, MapNode, Node, SeqNode, read_nodes
from karst.config.scalars import check_text, resolve_scalar
from karst.errors import ConfigError

Path = tuple[str | int, ...]

_MAX_VALUES = 20_000
_MERGE = "<<"


@dataclass(frozen=True)
class Document:
    """Data without nulls; `lines` gives (line, column), from 1, of every path in it."""

    source: str
    data: Any
    lines: Mapping[Path, tuple[int, int]]

    def nearest(self, path: Path) -> Path:
        """Return `path`, or the longest beginning of it that is written."""
        while path and path not in self.lines:
            path = path[:-1]
        return path

    def position(self, path: Path) -> tuple[int, int]:
        """Return (line, column) of the nearest written thing."""
        return self.lines.get(self.nearest(path), (1, 1))


def render_path(path: Path) -> str:
    """Return `services[2].env.LOG_LEVEL` for ("services", 2, "env", "LOG_LEVEL")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return legible(text.removeprefix("."))


def read_document(text: str, *, source: str) -> Document:
    """Read `text`; raises ConfigError for what is no YAML, or more than is bearable."""
    root = read_nodes(text, source=source)
    lines: dict[Path, tuple[int, int]] = {}
    data = _Walk(source, lines).value(root, (), (root.line, root.column))
    return Document(source, data, lines)


class _Walk:
    """Turns nodes into data, counting every value, those behind aliases each time."""

    def __init__(self, source: str, lines: dict[Path, tuple[int, int]]) -> None:
        self.source = source
        self.lines = lines
        self.count = 0

    def value(self, node: Node, path: Path, place: tuple[int, int]) -> Any:
        self._count(node, len(path))
        self.lines[path] = place
        if isinstance(node, SeqNode):
            return [
                self.value(item, (*path, i), (item.line, item.column))
                for i, item in enumerate(node.items)
            ]
        if isinstance(node, MapNode):
            return {
                key: self.value(item, (*path, key), at)
                for key, at, item in self._entries(node, path)
            }
        value = resolve_scalar(node, self._where(place, path))
        if value is None:
            if not path:
                raise ConfigError(
                    "the file is empty",
                    where=self.source,
                    remedy="list at least one slug, such as '- gh:owner/repo'",
                )
            raise self._error(
                "nothing is written here",
                place,
                path,
                "write a value, or leave the key out",
            )
        return value

    def _count(self, node: Node, depth: int) -> None:
        self.count += 1
        if self.count <= _MAX_VALUES and depth <= MAX_DEPTH:
            return
        is_deep = depth > MAX_DEPTH
        bound = f"{MAX_DEPTH} levels" if is_deep else f"{_MAX_VALUES:,} values"
        raise ConfigError(
            f"more than {bound}, where an alias counts as what it stands for",
            where=f"{self.source}:{node.line}",
            remedy="split the file, or remove the aliases",
        )

    def _entries(
        self, node: MapNode, path: Path, depth: int = 0
    ) -> Iterator[tuple[str, tuple[int, int], Node]]:
        """Yield a mapping's entries; those it merges (`<<`) come after its own."""
        seen: set[str] = set()
        merged: list[Node] = []
        for key, item in node.entries:
            at = (key.line, key.column)
            if key.plain and key.text == _MERGE:
                merged.append(item)
                continue
            if not key.text:
                raise self._error("a key without a name", at, path, "name the key")
            name = check_text(key.text, self._where(at, path))
            if name in seen:
                raise self._error(
                    "this key is written twice",
                    at,
                    (*path, name),
                    "keep one of the two",
                )
            seen.add(name)
            yield name, at, item
        for item in merged:
            for source in item.items if isinstance(item, SeqNode) else (item,):
                self._count(source, depth)
                if not isinstance(source, MapNode):
                    raise self._error(
                        "'<<' merges mappings only",
                        (source.line, source.column),
                        path,
                        "let it name an anchored mapping",
                    )
                for text, at, value in self._entries(source, path, depth + 1):
                    if text not in seen:
                        seen.add(text)
                        yield text, at, value

    def _error(
        self, what: str, place: tuple[int, int], path: Path, remedy: str
    ) -> ConfigError:
        return ConfigError(what, where=self._where(place, path), remedy=remedy)

    def _where(self, place: tuple[int, int], path: Path) -> str:
        return f"{self.source}:{place[0]} {render_path(path)}".rstrip()

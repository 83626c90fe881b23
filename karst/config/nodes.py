"""YAML events composed into nodes with lines, within bounds and without recursion
into the parser: a hostile file costs a sentence, never memory or the stack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from karst.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 24
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_ESCAPE = re.compile(r"\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|.)", re.I)
# libyaml's parser is some forty times as fast; wheels of PyYAML have it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class ScalarNode:
    """`text` as written; `plain` where it had no quotes; `tag` where one was given."""

    line: int
    column: int
    text: str
    plain: bool
    tag: str | None


@dataclass(frozen=True)
class SeqNode:
    line: int
    column: int
    items: tuple[Node, ...]


@dataclass(frozen=True)
class MapNode:
    line: int
    column: int
    entries: tuple[tuple[ScalarNode, Node], ...]


Node = ScalarNode | SeqNode | MapNode


def read_nodes(text: str, *, source: str) -> Node:
    """Return the root node of the one document in `text`; raises ConfigError."""
    text = _yaml_text(_sized(text, source))
    try:
        loader = _Loader(text)
        try:
            return _Composer(_events(loader), source).document()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or error.context or "it cannot be parsed"
        raise _not_yaml(problem, f"{source}:{line}") from error
    except yaml.YAMLError as error:
        # A reader's error: no line, only a character that YAML forbids.
        reason = getattr(error, "reason", "it cannot be parsed")
        raise _not_yaml(str(reason), source) from error


def _not_yaml(problem: str, where: str) -> ConfigError:
    return ConfigError(
        f"this is neither YAML nor JSON: {problem}",
        where=where,
        remedy="look for a missing colon, quote or bracket, or uneven indentation",
    )


def _sized(text: str, source: str) -> str:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ConfigError(
            "the text holds characters that UTF-8 cannot hold",
            where=source,
            remedy="save the file as UTF-8",
        ) from error
    if size > MAX_BYTES:
        raise ConfigError(
            f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read",
            where=source,
            remedy="split it into several stacks",
        )
    return text.removeprefix("\ufeff")


def _yaml_text(text: str) -> str:
    """Return JSON as YAML takes it: no tabs, no characters escaped in two halves."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _ESCAPE.sub(_join_halves, text.replace("\t", " "))


def _join_halves(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return escape[0]
    halves = bytes.fromhex(escape[1] + escape[2])
    return halves.decode("utf-16-be")


def _events(loader: Any) -> Iterator[Any]:
    while loader.check_event():
        yield loader.get_event()


class _Composer:
    """Builds the nodes of one document; aliases share their anchor's node."""

    def __init__(self, events: Iterator[Any], source: str) -> None:
        self.events = events
        self.source = source
        self.anchors: dict[str, Node] = {}

    def document(self) -> Node:
        node: Node = ScalarNode(1, 1, "", True, None)
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error("a second document begins", event, "remove '---'")
                node = self._node(next(self.events), 0)
        return node

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error("nested too deeply", event, "flatten it")
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            # An anchor counts once its node is whole, so a node never holds itself.
            if event.anchor not in self.anchors:
                raise self._error(
                    f"'*{event.anchor}' names no anchor written before it",
                    event,
                    f"write '&{event.anchor}' at what it stands for",
                )
            return self.anchors[event.anchor]
        node: Node
        if not isinstance(event, yaml.ScalarEvent) and event.tag not in _PLAIN_TAGS:
            raise self._error(
                f"the tag '{event.tag}' means nothing here", event, "remove the tag"
            )
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            node = ScalarNode(line, column, event.value, plain, event.tag)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = self._until(yaml.SequenceEndEvent, depth)
            node = SeqNode(line, column, tuple(items))
        else:
            flat = list(self._until(yaml.MappingEndEvent, depth))
            keys = [self._key(key, event) for key in flat[::2]]
            node = MapNode(line, column, tuple(zip(keys, flat[1::2], strict=True)))
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _until(self, end: type[Any], depth: int) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield self._node(event, depth + 1)

    def _key(self, node: Node, event: Any) -> ScalarNode:
        if isinstance(node, ScalarNode):
            return node
        raise self._error(
            "a key must be a word, not a list or a mapping", event, "write one word"
        )

    def _error(self, what: str, event: Any, remedy: str) -> ConfigError:
        where = f"{self.source}:{event.start_mark.line + 1}"
        return ConfigError(what, where=where, remedy=remedy)

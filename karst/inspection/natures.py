"""What a program does once it runs, by its syntax: serves, works for a queue, chats."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from karst.inspection.entrypoint import Evidence, Protocol
from karst.inspection.frameworks import (
    BOT_CALLS,
    BOTS,
    SERVING_CALLS,
    WEB_OBJECTS,
    WORKER_CALLS,
)
from karst.inspection.imports import (
    absolute_imports,
    imported_files,
    imported_names,
)
from karst.inspection.source import SourceTree

_DEEP, _MOST = 4, 48
# Frameworks whose applications run themselves, wherever they were made.
_RUN_BY_APP = frozenset({"flask", "quart", "sanic", "dash", "bottle", "robyn"})
# Without one of these a file can't hold a call that matters here: the text of the call,
# what stands before it, and the module that must be imported. Plain texts, for an
# expression takes many times as long over a whole tree.
_SERVING = tuple(
    (f"{name.rpartition('.')[2]}(", name.rpartition(".")[0], needed)
    for name, needed, _, _ in SERVING_CALLS
)
_WORKING = tuple(f"{name}(" for name in sorted(WORKER_CALLS))
_CHATTING = tuple(f"{name}(" for name in sorted(BOT_CALLS))
_OBJECTS = (*(f"{name}(" for name in sorted(WEB_OBJECTS)), "create_app")
_OWN = frozenset({"app", "application", "socketio"})


@dataclass(frozen=True)
class Nature:
    """What was seen: the protocol, the port that is written, and the line.

    `guarded`: only where its file is started itself; `depth` counts the imports between
    the program and that line.
    """

    protocol: Protocol
    port: int | None
    evidence: Evidence
    guarded: bool = False
    depth: int = 0


def nature_of(tree: SourceTree, path: str) -> Nature | None:
    """Look at `path` and at what it imports from the tree; None: nothing to see."""
    seen = {path}
    ring = [path]
    visited: list[tuple[str, int]] = []
    quiet: Nature | None = None
    chats = False
    for depth in range(_DEEP):
        following: list[str] = []
        for file in ring:
            visited.append((file, depth))
            chats = chats or _chats(tree, file)
            for found in _natures(tree, file, "serves"):
                if found.guarded and depth:
                    continue  # it does that only where it is started itself
                if found.protocol != "none":
                    return replace(found, depth=depth)
                quiet = quiet or replace(found, depth=depth)
            if depth == 0 and chats and (quiet := quiet or _chat(tree, visited)):
                return quiet  # a bot, whatever it may also serve
            following += sorted(imported_files(tree, file) - seen)
            seen.update(following)
        ring = following[:_MOST]
    return quiet or (_chat(tree, visited) if chats else None)


def _chat(tree: SourceTree, visited: list[tuple[str, int]]) -> Nature | None:
    """The first call of these files that runs a bot, where one is imported."""
    for file, depth in visited:
        for found in _natures(tree, file, "chats"):
            if not (found.guarded and depth):
                return replace(found, depth=depth)
    return None


def _chats(tree: SourceTree, path: str) -> bool:
    names = absolute_imports(tree, path)
    return any(name.partition(".")[0] in BOTS for name in names)


def _natures(
    tree: SourceTree, path: str, what: Literal["serves", "chats"]
) -> tuple[Nature, ...]:
    look = _serving if what == "serves" else _chatting
    return tree.once(what, path, lambda _: tuple(look(tree, path)))


def _may_serve(tree: SourceTree, path: str) -> bool:
    """Say whether `path` is worth its parsing, which is what most of the time goes for."""
    text = tree.read(path) or ""
    imports = {name.partition(".")[0] for name in absolute_imports(tree, path)}
    for call, owner, needed in _SERVING:
        if call in text and owner in text and (not needed or needed in imports):
            return True
    if any(call in text for call in _WORKING):
        return True
    return ("run(" in text or "run_server(" in text) and (
        not imports.isdisjoint(_RUN_BY_APP)
        or not _OWN.isdisjoint(imported_names(tree, path))
        or any(made in text for made in _OBJECTS)
    )


def _serving(tree: SourceTree, path: str) -> Iterator[Nature]:
    module = tree.parse(path) if _may_serve(tree, path) else None
    if module is None:
        return
    nodes = list(ast.walk(module))
    imports = {name.partition(".")[0] for name in absolute_imports(tree, path)}
    objects = set(_web_objects(nodes, set(imported_names(tree, path))))
    guarded = _guarded(module)
    for call, name in _calls(nodes):
        inside = id(call) in guarded
        line = tree.evidence(path, call.lineno)
        if (served := _serves(name, imports, objects)) is not None:
            protocol, usual = served
            written = _port(call, module) if protocol != "grpc" else _grpc_port(nodes)
            yield Nature(protocol, usual if written == -1 else written, line, inside)
        elif name.rpartition(".")[2] in WORKER_CALLS:
            yield Nature("none", None, line, inside)


def _chatting(tree: SourceTree, path: str) -> Iterator[Nature]:
    text = tree.read(path) or ""
    module = tree.parse(path) if any(call in text for call in _CHATTING) else None
    if module is None:
        return
    guarded = _guarded(module)
    for call, name in _calls(ast.walk(module)):
        if name.rpartition(".")[2] in BOT_CALLS:
            line = tree.evidence(path, call.lineno)
            yield Nature("none", None, line, id(call) in guarded)


def _guarded(module: ast.Module) -> set[int]:
    return {id(n) for g in main_guards(module) for n in ast.walk(g)}


def _grpc_port(nodes: list[ast.AST]) -> int | None:
    for call, name in _calls(nodes):
        if name.endswith(("add_insecure_port", "add_secure_port")) and call.args:
            match = re.search(r":(\d{2,5})\b", ast.unparse(call.args[0]))
            return int(match[1]) if match else None
    return None


def main_guards(module: ast.Module) -> Iterator[ast.If]:
    """Top-level `if __name__ == "__main__"`, either way round."""
    for node in module.body:
        if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
            continue
        sides = [node.test.left, *node.test.comparators]
        names = [s.id for s in sides if isinstance(s, ast.Name)]
        texts = [s.value for s in sides if isinstance(s, ast.Constant)]
        equal = [type(operator) for operator in node.test.ops] == [ast.Eq]
        if equal and names == ["__name__"] and texts == ["__main__"]:
            yield node


def _serves(
    name: str, imports: set[str], objects: set[str]
) -> tuple[Protocol, int | None] | None:
    """The protocol and usual port, where this call waits for requests."""
    for pattern, needed, protocol, usual in SERVING_CALLS:
        fits = name == pattern or name.endswith(f".{pattern}")
        if fits and (not needed or needed in imports):
            return protocol, usual
    owner, _, last = name.rpartition(".")
    likely = owner in ("app", "application") and not imports.isdisjoint(_RUN_BY_APP)
    if last in ("run", "run_server") and (owner in objects or likely):
        return "http", 5000 if imports & {"flask", "quart", "apiflask"} else 8000
    return None


def _calls(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.Call, str]]:
    for node in nodes:
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            yield node, name


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression; calls and subscripts in it are left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        else:
            node = node.func
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def _web_objects(nodes: list[ast.AST], local: set[str]) -> Iterator[str]:
    """Names that hold a web application, or likely do."""
    yield from _OWN & local
    for node in nodes:
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(value, ast.Call):
            made = dotted(value.func)
            wanted = made.rpartition(".")[2] in WEB_OBJECTS or "create_app" in made
            for target in node.targets if wanted else ():
                yield dotted(target)


def _port(call: ast.Call, module: ast.Module) -> int | None:
    """The port that the call is given; -1 where it is given none."""
    for keyword in call.keywords:
        if keyword.arg in ("port", "server_port"):
            return _number(keyword.value, module)
        if keyword.arg in ("bind", "listen"):
            return None
    for argument in call.args[1:3] or call.args[:1]:
        number = _number(argument, module)
        if number is not None:
            return number
        if isinstance(argument, ast.Tuple) and len(argument.elts) == 2:
            return _number(argument.elts[1], module)
    for argument in call.args[:1]:  # HTTPServer(("", 8000), ...)
        if isinstance(argument, ast.Tuple) and len(argument.elts) == 2:
            return _number(argument.elts[1], module)
    return None if any(k.arg is None for k in call.keywords) else -1


def _number(node: ast.expr, module: ast.Module) -> int | None:
    """A literal port, a constant of the module, or the default of a variable."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
        return int(text) if text.isdecimal() and 0 < int(text) < 65536 else None
    if isinstance(node, ast.Name):
        for other in module.body:
            if isinstance(other, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == node.id for t in other.targets
            ):
                is_loop = isinstance(other.value, ast.Name)
                return None if is_loop else _number(other.value, module)
    if isinstance(node, ast.BoolOp) and node.values:
        return _number(node.values[-1], module)
    if isinstance(node, ast.Call):
        last = dotted(node.func).rpartition(".")[2]
        if last == "int" and node.args:
            return _number(node.args[0], module)
        if last in ("get", "getenv", "env", "config") and len(node.args) == 2:
            return _number(node.args[1], module)
    return None

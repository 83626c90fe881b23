"""What a program does once it runs, by its syntax: serves, works for a queue, chats."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

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
# Without one of these a file can't hold a call that matters here. Plain texts, for an
# expression takes many times as long over a whole tree.
_CALLS = (
    *("run(", "_app(", "_server(", "_simple(", "serve(", "forever(", "Server("),
    *("server(", "launch(", "listen(", "onfig(", "TCPSite(", "quickstart(", "start("),
    *("Granian(", "olling(", "idle(", "disconnected(", "onsuming(", "pending("),
    *("worker_main(", "_worker(", "Scheduler("),
)


@dataclass(frozen=True)
class Nature:
    """What was seen: the protocol, the port that is written, and the line.

    `guarded`: only where its file is started itself; `depth` counts the imports between
    the program and that line; `perhaps`: only where a bot's library is imported.
    """

    protocol: Protocol
    port: int | None
    evidence: Evidence
    guarded: bool = False
    depth: int = 0
    perhaps: bool = False


def nature_of(tree: SourceTree, path: str) -> Nature | None:
    """Look at `path` and at what it imports from the tree; None: nothing to see."""
    seen = {path}
    ring = [path]
    quiet: Nature | None = None
    chats = False
    for depth in range(_DEEP):
        following: list[str] = []
        for file in ring:
            chats = chats or _chats(tree, file)
            for found in _natures(tree, file):
                if found.guarded and depth:
                    continue  # it does that only where it is started itself
                if found.protocol != "none":
                    return replace(found, depth=depth)
                if quiet is None or (quiet.perhaps and not found.perhaps):
                    quiet = replace(found, depth=depth)
            if depth == 0 and quiet and chats:
                return quiet  # a bot, whatever it may also serve
            following += sorted(imported_files(tree, file) - seen)
            seen.update(following)
        ring = following[:_MOST]
    return quiet if quiet and (chats or not quiet.perhaps) else None


def _chats(tree: SourceTree, path: str) -> bool:
    names = absolute_imports(tree, path)
    return any(name.partition(".")[0] in BOTS for name in names)


def _natures(tree: SourceTree, path: str) -> tuple[Nature, ...]:
    return tree.once("nature", path, lambda _: tuple(_look(tree, path)))


def _look(tree: SourceTree, path: str) -> Iterator[Nature]:
    text = tree.read(path) or ""
    module = tree.parse(path) if any(call in text for call in _CALLS) else None
    if module is None:
        return
    nodes = list(ast.walk(module))
    imports = {name.partition(".")[0] for name in absolute_imports(tree, path)}
    objects = set(_web_objects(nodes, set(imported_names(tree, path))))
    guarded = {id(n) for g in main_guards(module) for n in ast.walk(g)}
    for call, name in _calls(nodes):
        inside = id(call) in guarded
        line = tree.evidence(path, call.lineno)
        if (served := _serves(name, imports, objects)) is not None:
            protocol, usual = served
            written = _port(call, module) if protocol != "grpc" else _grpc_port(nodes)
            yield Nature(protocol, usual if written == -1 else written, line, inside)
            continue
        last = name.rpartition(".")[2]
        if last in WORKER_CALLS or last in BOT_CALLS:
            perhaps = last not in WORKER_CALLS
            yield Nature("none", None, line, inside, perhaps=perhaps)


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


def _calls(nodes: list[ast.AST]) -> Iterator[tuple[ast.Call, str]]:
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
    yield from {"app", "application", "socketio"} & local
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

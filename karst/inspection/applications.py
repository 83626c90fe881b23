"""Application objects and factories of web frameworks, found by syntax alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from karst.inspection.commands import place_of
from karst.inspection.entrypoint import Candidate, Evidence
from karst.inspection.families import (
    FACTORY,
    FACTORY_NAME,
    family_by_factory,
    family_of,
    known_names,
    made_by,
    origin,
)
from karst.inspection.frameworks import ASIDE, OBJECTS, Family
from karst.inspection.imports import (
    Place,
    files_of,
    folder_of,
    place_in,
)
from karst.inspection.natures import dotted
from karst.inspection.packaging import Packaging
from karst.inspection.places import manifest_folder
from karst.inspection.servers import SERVERS, where
from karst.inspection.shell import as_argv, quote
from karst.inspection.source import SourceTree

RULE = "an application object"
_FILES = ("asgi", "wsgi", "main", "app", "server", "application", "api", "web", "run", "service", "index", "__init__", "__main__")  # fmt: skip
_NAMES = ("app", "application", "api", "server", "asgi_app", "wsgi_app")
# Texts without one of which a file can't make an application, or call what does.
_CALLED = ("app(", "App(", "application(", "server(", "Server(", "api(", "API(")
_MADE = (*sorted(f"{n}(" for n in {n for _, n in OBJECTS}), ".server", *_CALLED)
_MODULES = tuple(sorted({module.partition(".")[0] for module, _ in OBJECTS}))
# Names that are called or have attributes, and attributes that are called. Possessive,
# for somebody else's text may be one long word.
_USED = re.compile(r"\b(\w++)\s*+([.(])")
_ATTRIBUTE = re.compile(r"\.(\w++)\s*+\(")
_MOST = 400


@dataclass(frozen=True)
class Application:
    """An object or a factory of `file`; a lower rank is likelier the one to serve."""

    file: str
    name: str
    family: Family
    factory: bool
    evidence: Evidence
    rank: tuple[int, int, int, int]

    @property
    def outer(self) -> bool:
        """It lies where a service has its application, not within some part of it."""
        return self.rank[1] <= 1 and _stem(self.file) in _FILES[:8]


def applications(tree: SourceTree) -> tuple[Application, ...]:
    """All of them, the likeliest first; of one file only the best."""
    return tree.once("applications", "", lambda _: _applications(tree))


def _applications(tree: SourceTree) -> tuple[Application, ...]:
    found: list[Application] = []
    for path in _likely_files(tree):
        here = sorted(_in_file(tree, path), key=lambda a: a.rank)
        found += here[:1]
    named = [app for app in found if place_in(tree, app.file).module]
    return tuple(sorted(named, key=lambda a: (a.rank, a.file)))


def application_in(tree: SourceTree, path: str, name: str) -> Application | None:
    """The application or factory called `name` in `path`, where there is one."""
    return next((a for a in _in_file(tree, path) if a.name == name), None)


def _likely_files(tree: SourceTree) -> list[str]:
    paths = tree.python_files(ASIDE)
    near = [p for p in paths if p.count("/") <= 4]
    near.sort(key=lambda p: (p.count("/"), _stem(p) not in _FILES))
    return near[:_MOST]


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")


def _in_file(tree: SourceTree, path: str) -> Iterator[Application]:
    module = tree.parse(path) if _may_make(tree, path) else None
    if module is None:
        return
    known = known_names(tree, path)
    for node in _top_level(module):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from _assigned(tree, path, known, target, node.value, node.lineno)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            needed = len(node.args.args) - len(node.args.defaults)
            if needed or not FACTORY.fullmatch(node.name):
                continue
            if family := made_by(tree, path, node, known, 0):
                yield _application(tree, path, node.name, family, True, node.lineno)


def _may_make(tree: SourceTree, path: str) -> bool:
    """Say whether `path` is worth its parsing, which is what most of the time goes for."""
    text = tree.read(path) or ""
    imports = "".join(line for line in text.splitlines() if "import" in line)
    if any(word in imports for word in _MODULES):
        return any(made in text for made in _MADE)
    likely = _stem(path) in _FILES or path.count("/") <= 1
    if not likely and not any(word in text for word in _MODULES):
        return False
    # Without a framework of its own, by what another file of the tree makes.
    return any(made in text for made in _CALLED) and _calls_another(tree, path, text)


def _calls_another(tree: SourceTree, path: str, text: str) -> bool:
    """Say whether a name of another file is called, as what makes an application is."""
    used = set(_USED.findall(text))
    names = {name for name, mark in used if mark == "(" and FACTORY_NAME.search(name)}
    if any(map(FACTORY_NAME.search, _ATTRIBUTE.findall(text))):
        names = {name for name, _ in used}
    return any(
        local in names and any(files_of(tree, path, *source))
        for local, source in known_names(tree, path).items()
    )


def _assigned(
    tree: SourceTree,
    path: str,
    known: dict[str, tuple[str, str]],
    target: ast.expr,
    value: ast.expr,
    line: int,
) -> Iterator[Application]:
    if isinstance(target, ast.Tuple) and target.elts:  # app, rt = fast_app()
        target = target.elts[0]
    if not isinstance(target, ast.Name):
        return
    if isinstance(value, ast.Attribute) and value.attr == "server":  # Dash
        owner = dotted(value.value)
        if any(module == "dash" for module, _ in known.values()) and owner:
            yield _application(tree, path, target.id, "wsgi", False, line, -1)
        return
    if not isinstance(value, ast.Call):
        return
    family = family_of(known, value)
    if family == "wsgi" and origin(known, value) == ("dash", "Dash"):
        return  # its `server` is what is served
    if family is None:
        family = family_by_factory(tree, path, known, value)
    if family:
        yield _application(tree, path, target.id, family, False, line)


def _application(
    tree: SourceTree,
    path: str,
    name: str,
    family: Family,
    factory: bool,
    line: int,
    bonus: int = 0,
) -> Application:
    stem = _stem(path)
    file = _FILES.index(stem) if stem in _FILES else len(_FILES)
    if stem == "__init__":
        file = 2
    label = _NAMES.index(name) if name in _NAMES else len(_NAMES)
    depth = path.count("/") - (stem == "__init__") - path.startswith("src/")
    rank = (int(factory), depth, file // 2, label + bonus)
    evidence = tree.evidence(path, line)
    return Application(path, name, family, factory, evidence, rank)


def _top_level(module: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run at import, those in `if` and `try` too; no __main__ guard."""
    pending = list(module.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.If):
            if "__name__" not in ast.dump(node.test):
                pending = [*node.body, *node.orelse, *pending]
        elif isinstance(node, ast.Try):
            pending = [*node.body, *node.orelse, *pending]
        elif isinstance(node, ast.With):
            pending = [*node.body, *pending]
        else:
            yield node


def serve(
    tree: SourceTree, app: Application, packaging: Packaging, *, module: str = ""
) -> Candidate:
    """The command that serves an application on every address at PORT.

    `module`: its dotted name, where somebody gave it.
    """
    place = place_in(tree, app.file)
    if module:
        inner = app.file.removesuffix(".py").removesuffix("/__init__")
        place = Place(inner[: -len(module)].strip("/"), module)
    is_source = place.base == "src"
    folder = "" if is_source else place.base
    spec = f"{place.module}:{app.name}"
    program, words = _server(app, spec, packaging)
    requirement = SERVERS[program].requirement
    words += where(SERVERS[program])
    return Candidate(
        "command",
        quote(words),
        as_argv(words),
        f"{RULE}: {'factory' if app.factory else 'object'} {spec}",
        (app.evidence,),
        python_path=place_of("src") if is_source else "",
        setting=spec,
        workdir=place_of(folder),
        folder=manifest_folder(tree, folder_of(app.file)),
        protocol="http",
        packages=packaging.lacks(requirement) if requirement else (),
    )


def _server(app: Application, spec: str, packaging: Packaging) -> tuple[str, list[str]]:
    if app.family == "asgi":
        if packaging.depends_on("hypercorn") and not packaging.depends_on("uvicorn"):
            return "hypercorn", ["hypercorn", spec + "()" * app.factory]
        return "uvicorn", ["uvicorn", *["--factory"] * app.factory, spec]
    if app.family == "sanic":
        return "sanic", [
            "sanic",
            spec,
            *["--factory"] * app.factory,
            "--single-process",
        ]
    if app.family == "aiohttp":
        worker = "aiohttp.GunicornWebWorker"
        return "gunicorn", ["gunicorn", spec, "--worker-class", worker]
    return "gunicorn", ["gunicorn", spec + "()" * app.factory]

"""Files that do something when they are started, in the order of the five rules."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from karst.inspection.commands import (
    DOTTED_NAME,
    is_function_name,
    place_of,
    run_file,
    run_function,
    run_module,
)
from karst.inspection.entrypoint import Candidate
from karst.inspection.frameworks import ASIDE
from karst.inspection.imports import Place, absolute_imports, folder_of, place_in
from karst.inspection.natures import Nature, main_guards, nature_of
from karst.inspection.packaging import Packaging
from karst.inspection.places import manifest_folder
from karst.inspection.scan import SKIPPED_FOLDERS
from karst.inspection.source import SourceTree

PACKAGE = "2: {package}/__main__.py"
ROOT = "3: main.py or __main__.py at the root"
APP_OR_SRC = "4: app.py, app/__main__.py or src/{package}/__main__.py"
SCAN = '5: a scan for def main( or if __name__ == "__main__"'
# The names that servers and workers usually have, the likeliest first.
NAMES = ("server", "app", "main", "run", "worker", "bot", "start", "launcher", "launch", "api", "web", "service", "serve", "run_server", "index")  # fmt: skip
# Files of tools; and what wsgi.py holds is an object.
_NO_PROGRAMS = frozenset(
    {
        *("setup.py", "conftest.py", "noxfile.py", "versioneer.py", "fabfile.py"),
        *("wsgi.py", "asgi.py", "manage.py", "gunicorn.conf.py", "gunicorn_config.py"),
    }
)
_GUARD = re.compile(r"^if\s+__name__\s*==\s*['\"]__main__['\"]", re.MULTILINE)
# It starts without a guard: whoever imports it waits for ever.
_AT_IMPORT = re.compile(r"^(?:\w++\.)*+(?:run|start|launch)\w*+\(", re.MULTILINE)
_MOST_LEFT_OUT = 40
_MOST_SCANNED = 600
# What programs do that stay: exporters of metrics, collectors that publish.
_STAYS = re.compile(
    r"\b(start_http_server|start_wsgi_server|loop_start|loop_forever)\(|^\s*while True:"
    r"|^import paho|^from paho",
    re.MULTILINE,
)
_UNLIKELY = re.compile(
    r"(^|_)(test|tests|client|release|setup|conftest|noxfile|tasks|fabfile|example|"
    r"benchmark|bench|demo|seed|migrate|script|generate\w*|create\w*|update\w*|build|"
    r"download|train|evaluate|utils?|helpers?|config|settings|init\w*|gen|get|add)(_|$)"
)
_QUIET = re.compile(
    r"(logging|load_dotenv|sys\.|os\.|warnings|typing|configure|setup_|register|include_|"
    r"app\.|add_|db\.|django\.setup|monkey\.patch_all|nest_asyncio|locale\.|matplotlib)"
)


@dataclass(frozen=True)
class Program:
    """A file that can be started, and what it does."""

    file: str
    rule: str
    candidate: Candidate
    nature: Nature | None
    likely: bool

    @property
    def package(self) -> str:
        """The package whose __main__.py it is, "" for other files and for app/."""
        parts = self.file.removeprefix("src/").split("/")
        is_main = len(parts) == 2 and parts[1] == "__main__.py" and parts[0] != "app"
        return parts[0] if is_main else ""


def placed(tree: SourceTree, packaging: Packaging) -> tuple[Program, ...]:
    """Programs of rules 2 to 4, at the places that these name, in their order."""
    found = [_program(tree, *each) for each in _by_place(tree, packaging)]
    return tuple(program for program in found if program)


def scanned(
    tree: SourceTree, *, look: bool, among: Callable[[str], bool]
) -> tuple[Program, ...]:
    """Programs of rule 5 whose paths are `among` those asked for, the likeliest first.

    `look`: with what they do.
    """
    scan = tree.once("scan", "", lambda _: tuple(_by_scan(tree)))
    found = [_program(tree, p, rule, look=look) for p, rule in scan if among(p)]
    return tuple(program for program in found if program)


def left_out(tree: SourceTree, *, library: bool) -> tuple[Candidate, ...]:
    """Programs that serve or work, though they lie where the scan does not look.

    None of them is meant for sure; where nothing else was found, they are worth a line.
    Of a `library`, its scripts are for who works on it.
    """
    scripts = set() if library else {"scripts", "script", "bin"}
    paths = sorted(tree.python_files(SKIPPED_FOLDERS - scripts), key=_order)
    near = [p for p in paths[:_MOST_SCANNED] if _is_guarded(tree, p)][:_MOST_LEFT_OUT]
    likely = [p for p in near if not is_unlikely(p)]
    staying = [
        p for p in likely if _STAYS.search(tree.read(p) or "") or nature_of(tree, p)
    ]
    found = [_program(tree, path, SCAN) for path in staying]
    return tuple(p.candidate for p in found if p)


def is_unlikely(path: str) -> bool:
    """Say whether its name is one of a tool, a test or a step."""
    return bool(_UNLIKELY.search(_stem(path)))


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py").lower()


def _is_guarded(tree: SourceTree, path: str) -> bool:
    text = tree.read(path) or ""
    return "__main__" in text and bool(_GUARD.search(text))


def is_outer(path: str) -> bool:
    """Say whether the file lies at the root."""
    return "/" not in path


def is_likely(path: str) -> bool:
    """Say whether servers, workers and bots usually have such a name."""
    stem = _stem(path)
    return stem in NAMES or stem.endswith(("_bot", "_server", "bot"))


def _by_place(tree: SourceTree, packaging: Packaging) -> Iterator[tuple[str, str]]:
    packages = [
        name
        for name in tree.folders()
        if name not in ASIDE and name.isidentifier() and name != "app"
    ]
    packages.sort(key=lambda name: name not in packaging.modules)
    for name in packages:
        yield f"{name}/__main__.py", PACKAGE
    for name in ("main.py", "__main__.py"):
        yield name, ROOT
    for name in ("app.py", "app/__main__.py"):
        yield name, APP_OR_SRC
    inner = sorted(tree.folders("src"), key=lambda name: name not in packaging.modules)
    for name in inner:
        yield f"src/{name}/__main__.py", APP_OR_SRC


def _by_scan(tree: SourceTree) -> Iterator[tuple[str, str]]:
    paths = tree.python_files(ASIDE)
    near = sorted((p for p in paths if p.count("/") <= 3), key=_order)
    for path in near[:_MOST_SCANNED]:
        if path.rpartition("/")[2] in _NO_PROGRAMS:
            continue
        text = tree.read(path) or ""
        starts = "__main__" in text or "def main(" in text or _AT_IMPORT.search(text)
        if is_outer(path) or starts:
            yield path, SCAN


def _order(path: str) -> tuple[int, bool, int, str]:
    stem = _stem(path)
    name = NAMES.index(stem) if stem in NAMES else len(NAMES)
    depth = path.count("/") - path.startswith("src/")
    return depth, is_unlikely(path), name, path


def _program(
    tree: SourceTree, path: str, rule: str, *, look: bool = True
) -> Program | None:
    if path not in tree.files:
        return None
    text = tree.read(path) or ""
    guard = _GUARD.search(text) if "__main__" in text else None
    module = tree.parse(path) if look or not guard else None
    line = _does_something(path, module) if module else None
    if guard and not look:
        line = text.count("\n", 0, guard.start()) + 1
    main = _main(module) if module and line is None and rule == SCAN else None
    if line is None and main is None:
        return None
    nature = nature_of(tree, path) if look else None
    likely = rule != SCAN or is_likely(path)
    candidate = run(tree, path, rule, line) if line else _call(tree, path, rule, main)
    if nature:
        shown = (nature.evidence,) if nature.evidence != candidate.evidence[0] else ()
        candidate = replace(
            candidate,
            evidence=(*candidate.evidence, *shown),
            port=nature.port,
            protocol=nature.protocol,
        )
    unlikely = rule == SCAN and is_unlikely(path)
    return Program(path, rule, candidate, None if unlikely else nature, likely)


def _does_something(path: str, module: ast.Module) -> int | None:
    """The line of what a file does by itself; None where it only defines."""
    for guard in main_guards(module):
        return guard.lineno
    if path.rpartition("/")[2] == "__main__.py":
        return 1
    for node in module.body:
        if isinstance(node, ast.While):
            return node.lineno
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
            text = ast.unparse(node.value)
            if not _QUIET.match(text) or re.search(r"\.(run|launch|start\w*)\(", text):
                return node.lineno
        if isinstance(node, ast.If | ast.Try | ast.With):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Call) and re.search(
                    r"(^|\.)(run|run_app|launch|serve\w*|start_\w+)\(",
                    ast.unparse(inner),
                ):
                    return inner.lineno
    return None


def _main(module: ast.Module) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    for node in module.body:
        if isinstance(node, functions) and node.name == "main":
            return None if node.args.args[len(node.args.defaults) :] else node
    return None


def _call(
    tree: SourceTree,
    path: str,
    rule: str,
    main: ast.FunctionDef | ast.AsyncFunctionDef | None,
) -> Candidate:
    """Call `main()` of a file that does not call it itself."""
    assert main  # noqa: S101  (the caller looked)
    found = run(tree, path, rule, main.lineno)
    place = place_in(tree, path)
    value = f"{place.module}:main"
    if not is_function_name(value):
        return found
    folder = "" if place.base == "src" else place.base
    return replace(
        run_function(
            value,
            rule,
            *found.evidence,
            python_path=place_of("src") if place.base == "src" else "",
            coroutine=isinstance(main, ast.AsyncFunctionDef),
        ),
        workdir=place_of(folder),
        folder=found.folder,
    )


def run(tree: SourceTree, path: str, rule: str, line: int) -> Candidate:
    """`-m module` or the file: as its own imports want it."""
    evidence = tree.evidence(path, line)
    place = place_in(tree, path)
    name = path.rpartition("/")[2]
    if name == "__main__.py" and "/" in path and not _uses_siblings(tree, path):
        place = place_in(tree, f"{folder_of(path)}/__init__.py")
        if place.base == folder_of(path):
            above = folder_of(place.base)
            place = Place(above, place.base[len(above) :].strip("/").replace("/", "."))
        module = place.module
    elif place.base == folder_of(path):
        folder = manifest_folder(tree, folder_of(path))
        inner = path[len(folder) :].strip("/")
        found = run_file(inner, rule, evidence)
        return replace(found, workdir=place_of(folder), folder=folder, setting=path)
    else:
        module = place.module
    if not DOTTED_NAME.fullmatch(module):
        return run_file(path, rule, evidence)
    is_source = place.base == "src"
    folder = "" if is_source else place.base
    found = run_module(
        module, rule, evidence, python_path=place_of("src") if is_source else ""
    )
    manifest = manifest_folder(tree, folder_of(path))
    return replace(found, workdir=place_of(folder), folder=manifest)


def _uses_siblings(tree: SourceTree, path: str) -> bool:
    """Its neighbours are imported by their bare names: it works as a file only."""
    folder = folder_of(path)
    names = {name.partition(".")[0] for name in absolute_imports(tree, path)}
    siblings = {n for n in names if f"{folder}/{n}.py" in tree.files}
    return any(
        f"{folder_of(folder)}/{n}.py".lstrip("/") not in tree.files for n in siblings
    )

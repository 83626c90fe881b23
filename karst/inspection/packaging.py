"""What a project's packaging says: scripts, names and dependencies; nothing is run."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from karst.inspection.entrypoint import Evidence
from karst.inspection.source import SourceTree, table

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENTRY = re.compile(r"\s*([^=\s]+)\s*=\s*([\w.]+(?::[\w.]+)?)")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]+(\S+)")
_LIBRARY = "Topic :: Software Development :: Libraries"


@dataclass(frozen=True)
class Script:
    """A console script: its name, `module:function`, and where it is declared."""

    name: str
    target: str
    evidence: Evidence


@dataclass(frozen=True)
class Packaging:
    """What the packaging metadata of a tree says.

    Attributes:
        name: the project's name, or "".
        scripts: console scripts in their order.
        modules: import names that the project would have.
        requires: normalised names of its direct dependencies, extras among them.
        extras: of an extra's dependencies that nothing else brings, by their
            normalised names, all requirements of that extra.
        packaged: it is built into a distribution.
        library: it calls itself a library, or an add-on of a framework.
    """

    name: str = ""
    scripts: tuple[Script, ...] = ()
    modules: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    packaged: bool = False
    library: bool = False

    def depends_on(self, *names: str) -> bool:
        return not self.requires.isdisjoint(names)

    def lacks(self, requirement: str) -> tuple[str, ...]:
        """Requirements to install besides the project's own, so that this one is met.

        What only an extra brings, comes with the rest of that extra.
        """
        name = normalise(re.split(r"[\[<>=~!;]", requirement)[0])
        if name in self.extras:
            return self.extras[name]
        return () if name in self.requires else (requirement,)


def normalise(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_packaging(tree: SourceTree) -> Packaging:
    """Read pyproject.toml, setup.cfg, setup.py and requirements of `tree`."""
    data = tree.pyproject()
    project, poetry = table(data, "project"), table(data, "tool", "poetry")
    setup = _setup_call(tree)
    config = _setup_cfg(tree)
    names = [project.get("name"), poetry.get("name"), setup.get("name")]
    names += [config.get("metadata", {}).get("name")]
    known = [name for name in names if isinstance(name, str) and name]
    requires = {normalise(name) for name in _requires(tree, data, setup, config)}
    extras = {n: lines for n, lines in _extras(data).items() if n not in requires}
    return Packaging(
        name=known[0] if known else "",
        scripts=tuple(_scripts(tree, setup, config)),
        modules=frozenset(_modules(known, data, setup)),
        requires=frozenset(requires | extras.keys()),
        extras=extras,
        packaged="build-system" in data or bool(setup),
        library=any(
            _LIBRARY in (tree.read(file) or "")
            for file in ("pyproject.toml", "setup.py", "setup.cfg")
        ),
    )


def packaging_at(tree: SourceTree, folder: str) -> Packaging:
    """The packaging of a folder of the tree, "" for the tree's own."""
    return tree.once(
        "packaging",
        folder,
        lambda _: read_packaging(SourceTree(tree.root / folder) if folder else tree),
    )


def _scripts(
    tree: SourceTree, setup: dict[str, Any], config: dict[str, dict[str, str]]
) -> Iterator[Script]:
    data = tree.pyproject()
    for keys in (("project", "scripts"), ("tool", "poetry", "scripts")):
        for name, target in table(data, *keys).items():
            if isinstance(target, dict):  # poetry's longer form
                target = target.get("callable") or target.get("reference") or ""
            if isinstance(target, str):
                line = tree.line_of("pyproject.toml", name, f'"{name}"', f"'{name}'")
                yield Script(name, target, tree.evidence("pyproject.toml", line))
    for text in (
        config.get("options.entry_points", {}).get("console_scripts", ""),
        *(_console_scripts(setup.get("entry_points"))),
    ):
        file = "setup.cfg" if "options.entry_points" in config else "setup.py"
        for entry in text.splitlines():
            if match := _ENTRY.match(entry):
                place = _line_with(tree, file, match[2])
                yield Script(match[1], match[2], tree.evidence(file, place))


def _console_scripts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read_string(value)
        except configparser.Error:
            return
        yield parser.get("console_scripts", "", fallback="") or "\n".join(
            f"{k} = {v}" for k, v in _section(parser, "console_scripts").items()
        )
    scripts = value.get("console_scripts") if isinstance(value, dict) else None
    lines = [scripts] if isinstance(scripts, str) else scripts
    if isinstance(lines, list | tuple):
        yield "\n".join(line for line in lines if isinstance(line, str))


def _section(parser: configparser.ConfigParser, name: str) -> dict[str, str]:
    return dict(parser.items(name)) if parser.has_section(name) else {}


def _line_with(tree: SourceTree, file: str, text: str) -> int:
    for number, line in enumerate(tree.lines(file), 1):
        if text in line:
            return number
    return 1


def _setup_cfg(tree: SourceTree) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(tree.read("setup.cfg") or "")
    except configparser.Error:
        return {}
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _setup_call(tree: SourceTree) -> dict[str, Any]:
    """The literal keywords of the call of setup() in setup.py; {} for none."""
    module = tree.parse("setup.py")
    if module is None:
        return {}
    known = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, "id", getattr(function, "attr", ""))
        if name == "setup":
            pairs = {k.arg: k.value for k in node.keywords if k.arg}
            found = {k: _literal(v, known) for k, v in pairs.items()}
            return {"name": "", **{k: v for k, v in found.items() if v is not None}}
    return {}


def _literal(node: ast.expr, known: dict[str, ast.expr]) -> Any:
    if isinstance(node, ast.Name):
        node = known.get(node.id, node)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_literal(k, known): _literal(v, {}) for k, v in pairs if k is not None}
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _modules(
    names: list[str], data: dict[str, Any], setup: dict[str, Any]
) -> Iterator[str]:
    """Import names: the project's name, and packages that the metadata lists."""
    yield from (re.sub(r"[-.]+", "_", name).lower() for name in names)
    listed: list[Any] = [setup.get("packages"), setup.get("py_modules")]
    listed.append(table(data, "tool", "setuptools").get("packages"))
    listed.append(table(data, "tool", "setuptools").get("py-modules"))
    wheel = table(data, "tool", "hatch", "build", "targets", "wheel")
    listed.append(wheel.get("packages"))
    listed.append(table(data, "tool", "poetry").get("packages"))
    for values in listed:
        for value in values if isinstance(values, list | tuple) else ():
            path = value.get("include") if isinstance(value, dict) else value
            if isinstance(path, str):
                yield re.split(r"[./]", path.removeprefix("src/"))[0]


def _requires(
    tree: SourceTree,
    data: dict[str, Any],
    setup: dict[str, Any],
    config: dict[str, dict[str, str]],
) -> Iterator[str]:
    listed = table(data, "project").get("dependencies")
    lines = list(listed) if isinstance(listed, list) else []
    lines += [
        name
        for name, wanted in table(data, "tool", "poetry", "dependencies").items()
        if not (isinstance(wanted, dict) and wanted.get("optional"))
    ]
    lines += config.get("options", {}).get("install_requires", "").splitlines()
    wanted = setup.get("install_requires")
    lines += wanted if isinstance(wanted, list | tuple) else []
    lines += _requirements(tree)
    pipfile = (tree.read("Pipfile") or "").partition("[packages]")[2]
    lines += pipfile.partition("\n[")[0].splitlines()
    for line in lines:
        match = _NAME.match(line.strip().strip('"')) if isinstance(line, str) else None
        if match:
            yield match[0]


def _extras(data: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Requirements of the first extra that names a distribution, by its name."""
    found: dict[str, tuple[str, ...]] = {}
    for extra in table(data, "project", "optional-dependencies").values():
        lines = extra if isinstance(extra, list) else []
        named = {n: r for n, r in map(plain_requirement, lines) if n}
        for name in named:
            found.setdefault(name, tuple(named.values()))
    for name, wanted in table(data, "tool", "poetry", "dependencies").items():
        if isinstance(wanted, dict) and wanted.get("optional"):
            plain, line = plain_requirement(name)
            found.setdefault(plain, (line,)) if plain else None
    return found


def plain_requirement(line: object) -> tuple[str, str]:
    """Its normalised name and its one spelling; ("", "") for an address or no name."""
    try:
        wanted = Requirement(line) if isinstance(line, str) else None
    except InvalidRequirement:
        wanted = None
    if wanted is None or wanted.url:
        return "", ""
    return normalise(wanted.name), str(wanted)


def _requirements(tree: SourceTree) -> Iterator[str]:
    pending = [
        path
        for path in tree.files
        if re.fullmatch(r"requirements[^/]*\.(txt|in)|requirements/[^/]+\.txt", path)
        and not re.search(r"dev|test|lint|doc", path)
    ]
    seen: set[str] = set()
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        for line in tree.lines(path):
            include = _INCLUDE.match(line.strip())
            if include:
                folder = path.rpartition("/")[0]
                pending.append(f"{folder}/{include[1]}".lstrip("/"))
            elif not line.startswith(("-", "#")):
                yield line

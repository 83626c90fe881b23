"""What an author declared as the command, as a Candidate; one level into a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from karst.inspection.commands import place_of
from karst.inspection.entrypoint import Candidate, Evidence
from karst.inspection.imports import folder_of, module_file, under
from karst.inspection.packaging import Packaging, packaging_at
from karst.inspection.servers import recognise
from karst.inspection.shell import (
    as_argv,
    default_port,
    expand,
    quote,
    simple_commands,
    take_assignments,
)
from karst.inspection.source import SourceTree
from karst.inspection.translate import Place, Translated, bare, translate

_SHELLS = ("sh", "bash", "ash", "dash", "zsh")
_MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile")
_CONTROL = re.compile(r"(then|else|do|if|elif|while|until|!|\{)\b\s*")
_BLOCK_START = re.compile(r"\s*(if|case|while|until|for)\b(?!.*\b(fi|esac|done)\b)")
_BLOCK_END = re.compile(r"\s*(fi|esac|done)\b")
_ASSIGNED = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(\S*)\s*$")
# A script that does these wants another image than karst's.
_NOT_HERE = re.compile(
    r"\b(poetry|pipenv|pdm|uv|debugpy|gosu|su-exec|usermod|groupmod|useradd|chown|apt-get|apk|supervisord|nginx|su)\b"
    r"|activate|^\s*source\b",
    re.MULTILINE,
)
# Steps before the server that the author declared; what else stands there is left out.
_STEPS = re.compile(
    r"alembic|aerich|flask|prisma|piccolo|.*manage\.py|python3 .*manage\.py"
)
_NO_PROGRAMS = frozenset(
    {
        *("bash", "sh", "sleep", "tail", "true", "echo", "cat", "exit", "wait", "set"),
        *("cd", "return", "export", "trap", "break", "continue", "printf", "shift"),
        *("test", "[", "[[", "fi", "done", "esac", "in", "umask", "mkdir", "read"),
        *(
            "pip",
            "pip3",
            "npm",
            "pytest",
            "tox",
            "ruff",
            "mypy",
            "rm",
            "ln",
            "cp",
            "mv",
        ),
    }
)


def authored(
    tree: SourceTree,
    packaging: Packaging,
    command: str | list[str],
    place: Place,
    rule: str,
    *evidence: Evidence,
) -> Candidate | None:
    """Translate a command, argv or shell text; None where this tree can't run it."""
    packaging = packaging_at(tree, manifest_folder(tree, place.folder))
    if isinstance(command, list):
        words = [expand(word, place.values) for word in command]
        default = next(filter(None, map(default_port, command)), None)
        _, words = bare(words)
        if words and words[0].rpartition("/")[2] in _SHELLS and len(words) > 1:
            flag = re.fullmatch(r"-[a-z]*c", words[1])
            if flag and len(words) > 2:
                text = command[len(command) - len(words) + 2]
                return authored(tree, packaging, text, place, rule, *evidence)
            words = words[1:] if not words[1].startswith("-") else words[2:]
        commands = [words]
    else:
        default = default_port(command)
        commands = simple_commands(expand(command, place.values))
    steps: list[list[str]] = []
    env: list[tuple[str, str]] = []
    chosen: Translated | None = None
    shown = tuple(evidence)
    for words in commands:
        inner = _nested(words)
        if inner:
            return authored(tree, packaging, inner, place, rule, *evidence)
        if words[:1] == ["cd"] and len(words) > 1:
            place = _moved(tree, place, words[1])
            continue
        one, scripts = _one(tree, packaging, words, place)
        shown += scripts
        if one is None:
            continue
        if chosen is not None and _STEPS.match(" ".join(chosen.words)):
            steps.append(chosen.words)
        env += one.env
        steps += map(list, one.steps)
        chosen = one
    if chosen is None:
        return None
    home = _for_module(tree, place, chosen.words)
    if home is None:
        return None
    place = home
    port = default if chosen.protocol != "none" and default else chosen.port
    names = {script.name for script in packaging.scripts}
    return Candidate(
        "script" if chosen.words[0] in names else "command",
        quote(chosen.words),
        _argv(steps, chosen.words),
        rule,
        shown,
        python_path=_python_path(tree, place, chosen.words),
        workdir=place_of(place.folder),
        folder=manifest_folder(tree, place.folder),
        port=port,
        protocol=chosen.protocol,
        packages=chosen.packages,
        env=tuple(env),
    )


def _nested(words: list[str]) -> str:
    """The text of `sh -c text`, where that is the command; "" elsewhere."""
    _, rest = bare(words)
    is_shell = len(rest) > 2 and rest[0].rpartition("/")[2] in _SHELLS
    return rest[2] if is_shell and re.fullmatch(r"-[a-z]*c", rest[1]) else ""


def manifest_folder(tree: SourceTree, folder: str) -> str:
    """The nearest folder, from `folder` upwards, that names dependencies."""
    while folder:
        if any(under(folder, name) in tree.files for name in _MANIFESTS):
            return folder
        folder = folder_of(folder)
    return ""


def _argv(steps: list[list[str]], words: list[str]) -> tuple[str, ...]:
    if not steps:
        return as_argv(words)
    text = " && ".join([*map(quote, steps), f"exec {quote(words)}"])
    return ("sh", "-c", text)


def _one(
    tree: SourceTree, packaging: Packaging, words: list[str], place: Place
) -> tuple[Translated | None, tuple[Evidence, ...]]:
    """Translate one command, or what the script that it names starts."""
    env, rest = bare(words)
    rest = [*rest[1:]] if rest[:1] and rest[0] in _SHELLS else rest
    if not rest:
        return None, ()
    path = _script(tree, rest[0], place)
    if path is not None:
        return _scripted(tree, packaging, path, rest, place)
    if rest[0].rpartition("/")[2] in _NO_PROGRAMS:
        return None, ()
    found = translate(tree, rest, place, packaging)
    return (replace(found, env=(*env, *found.env)) if found else None), ()


def _script(tree: SourceTree, word: str, place: Place) -> str | None:
    """The tree's file of a shell script, at its own place or by its name at the root."""
    inner = word.removeprefix("./")
    for copied, folder in place.copies.items():
        if copied != "/" and inner.startswith(f"{copied}/"):
            inner = "/" + under(folder, inner[len(copied) + 1 :])
            break
    name = inner.rpartition("/")[2]
    paths = [under(place.folder, inner), inner.lstrip("/"), name]
    paths += [f"{folder}/{name}" for folder in ("docker", "scripts", "bin")]
    for path in paths:
        text = tree.read(path) if path in tree.files else None
        if text is not None and re.match(r"#!.*\b(ba|da|a|z)?sh\b", text):
            return path
        if text is not None and path.endswith(".sh"):
            return path
    return None


def _scripted(
    tree: SourceTree, packaging: Packaging, path: str, words: list[str], place: Place
) -> tuple[Translated | None, tuple[Evidence, ...]]:
    """What a start script comes to; a plain one is run as it is."""
    text = (tree.read(path) or "").replace("\\\n", " ")
    values = dict(place.values)
    best: tuple[Translated, int] | None = None
    steps: list[tuple[str, ...]] = []
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        depth += bool(_BLOCK_START.match(line)) - bool(_BLOCK_END.match(line))
        if match := _ASSIGNED.match(line):
            value = expand(match[2].strip("\"'"), values)
            values.setdefault(match[1], value) if "$" not in value else None
        for command in _script_commands(line, values, words):
            found = None
            step = tuple(bare(command)[1])
            if (
                not depth
                and _STEPS.match(" ".join(step))
                and not recognise(list(step))[1]
            ):
                steps.append(step)
            if command[0].rpartition("/")[2] not in _NO_PROGRAMS:
                found = _in_script(tree, packaging, command, place)
            if found is not None:
                port = default_port(line)
                best = (replace(found, port=port or found.port), number)
    if best is None:
        return None, ()
    found, number = best
    shown = tree.evidence(path, number)
    if _NOT_HERE.search(text) or '"$@"' in shown.text:
        return replace(found, steps=tuple(steps)), (shown,)
    bash = "bash" if "bash" in text.partition("\n")[0] or "[[" in text else "sh"
    start = path if place.folder == "" else place_of(path)
    return replace(found, words=[bash, start, *words[1:]]), (shown,)


def _in_script(
    tree: SourceTree, packaging: Packaging, command: list[str], place: Place
) -> Translated | None:
    """Only what surely is a program: a known server, Python, or a console script."""
    _, words = bare(command)
    if not words:
        return None
    scripts = {script.name for script in packaging.scripts}
    known = recognise(words)[1] is not None or words[0] in scripts
    if not known and words[0] != "python3":
        return None
    if words[0] == "python3" and _is_step(words):
        return None
    found = translate(tree, words, place, packaging)
    return found if found and _for_module(tree, place, found.words) else None


def _is_step(words: list[str]) -> bool:
    text = " ".join(words)
    step = r"manage\.py (?!runserver|runworker|rundramatiq|qcluster)|-m pip\b|-c\b"
    return bool(re.search(step, text))


def _script_commands(
    line: str, values: dict[str, str], words: list[str]
) -> Iterator[list[str]]:
    text = _CONTROL.sub("", line.strip())
    if not text or text.startswith("#"):
        return
    for command in simple_commands(expand(text, values)):
        _, rest = take_assignments(command)
        rest = [word for word in rest if word not in ("$@", "$*")]
        if "$@" in text and rest in (["exec"], ["exec", "--"], []):
            rest = words[1:]
        if rest:
            yield rest


def _moved(tree: SourceTree, place: Place, folder: str) -> Place:
    path = place.copies.get(folder.rstrip("/"))
    if path is None:
        path = under(place.folder, folder.strip("./")) if folder[0] != "/" else ""
    return replace(place, folder=path) if tree.is_folder(path) else place


def _python_path(tree: SourceTree, place: Place, words: list[str]) -> str:
    """src/ where the command names a module that only that folder has."""
    if place.folder:
        return ""
    for word in words[1:]:
        match = re.fullmatch(r"([A-Za-z_][\w.]*)(:\w[\w.()]*)?", word)
        path = module_file(tree, match[1]) if match else None
        if path:
            return place_of("src") if path.startswith("src/") else ""
    return ""


def _for_module(tree: SourceTree, place: Place, words: list[str]) -> Place | None:
    """Where `module:object` of a server is importable: the folder that has it.

    None where no file of the tree could be that module.
    """
    for word in words[1:]:
        match = re.fullmatch(r"([A-Za-z_][\w.]*):\w[\w.()]*", word)
        if match is None:
            continue
        inner = match[1].replace(".", "/")
        names = (f"{inner}.py", f"{inner}/__init__.py")
        if any(under(place.folder, name) in tree.files for name in names):
            return place
        if module_file(tree, match[1]):
            return place  # below src/
        homes = {
            path[: -len(name)].strip("/")
            for name in names
            for path in tree.files
            if path.endswith(f"/{name}") and path.count("/") <= name.count("/") + 2
        }
        if len(homes) == 1:
            return replace(place, folder=homes.pop())
        if recognise(words)[0] in ("uvicorn", "gunicorn", "hypercorn", "granian"):
            return None
    return place

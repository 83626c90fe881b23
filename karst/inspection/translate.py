"""A command as its author wrote it, put into words that run in karst's own image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from karst.inspection.entrypoint import APP, Protocol
from karst.inspection.imports import module_file, under
from karst.inspection.natures import nature_of
from karst.inspection.packaging import Packaging, normalise
from karst.inspection.servers import listen_on_port, port_in, recognise
from karst.inspection.shell import PORT, take_assignments
from karst.inspection.source import SourceTree
from karst.inspection.uwsgi import http_port

_PYTHON = re.compile(r"(python|pypy)[0-9.]*|py")
# Programs that only start another one; the number of words that go with each.
_WRAPPERS = {
    "exec": 0,
    "nohup": 0,
    "sudo": 0,
    "time": 0,
    "tini": 0,
    "dumb-init": 0,
    "catatonit": 0,
    "gosu": 1,
    "su-exec": 1,
    "env": 0,
    "command": 0,
    "xvfb-run": 0,
    "stdbuf": 0,
}
_RUNNERS = {"poetry", "uv", "pipenv", "pdm", "rye", "hatch", "micropipenv"}
_RUNNER_OPTIONS = {
    *("--package", "--with", "--extra", "--group", "--env-file", "--python", "-p"),
    *("--directory", "--project", "--index", "--only-group", "--no-group", "-C"),
}
# Agents of tracing services around a command.
_AGENTS = {"opentelemetry-instrument", "ddtrace-run", "newrelic-admin", "scout"}
# Programs of distributions with another name.
_BROUGHT_BY = {"inv": "invoke", "django-admin": "django", "twistd": "twisted", "supervisord": "supervisor", "pserve": "pyramid", "start-server": "aiohttp"}  # fmt: skip
_PORT_OPTION = re.compile(r"--(?:http-|server-|web-)?port")


@dataclass(frozen=True)
class Place:
    """Where a command was written to run.

    Attributes:
        folder: the tree's folder that the command starts in.
        copies: folders of the author's image, and the tree's folders they hold.
        values: variables that the author set.
        files: absolute paths of the author's image, and the tree's paths of the same.
    """

    folder: str = ""
    copies: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Translated:
    """Words for karst's image, what they listen on, need, and want done before."""

    words: list[str]
    env: tuple[tuple[str, str], ...] = ()
    port: int | None = None
    protocol: Protocol | None = None
    packages: tuple[str, ...] = ()
    steps: tuple[tuple[str, ...], ...] = ()


def bare(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Take off what only starts the command: runners, inits, paths of an environment."""
    env, words = take_assignments(words)
    while words:
        program = words[0].rpartition("/")[2]
        if program in _WRAPPERS:
            words = words[1:]
            while words and words[0].startswith("-"):
                words = words[1:]
            words = words[_WRAPPERS[program] :]
        elif program in _RUNNERS and words[1:2] == ["run"]:
            words = _run_by(words[2:])
        elif program in _AGENTS:
            words = words[2 if program == "newrelic-admin" else 1 :]
        elif re.fullmatch(r"wait-for-it(\.sh)?|wait-for(\.sh)?|dockerize", program):
            if "--" not in words:
                return env, []
            words = words[words.index("--") + 1 :]
        elif words[0].startswith("bin/start-") and len(words) > 1:  # of a buildpack
            words = words[1:]
        else:
            break
        more, words = take_assignments(words)
        env += more
    if words and _PYTHON.fullmatch(words[0].rpartition("/")[2]):
        words = ["python3", *_undebugged(words[1:])]
    elif words and re.search(r"(^|/)s?bin/[^/]+$", words[0]):
        words = [words[0].rpartition("/")[2], *words[1:]]
    return env, words


def _undebugged(words: list[str]) -> list[str]:
    """Python's arguments without a debugger that waits for somebody."""
    rest = list(words)
    while rest and rest[0].startswith("-X"):
        rest = rest[1:]
    if rest[:2] != ["-m", "debugpy"]:
        return words
    rest = rest[2:]
    while rest and rest[0].startswith("--"):
        rest = rest[2:] if rest[0] == "--listen" else rest[1:]
    return rest


def _run_by(words: list[str]) -> list[str]:
    """What follows `uv run` or `poetry run`, its own options left out."""
    while words and words[0].startswith("-"):
        if words[0] in ("-m", "--module"):
            return ["python3", "-m", *words[1:]]
        words = words[2:] if words[0] in _RUNNER_OPTIONS else words[1:]
    if words and words[0].endswith(".py"):
        return ["python3", *words]
    return words


def translate(
    tree: SourceTree, words: list[str], place: Place, packaging: Packaging
) -> Translated | None:
    """Translate one simple command; None where it can't be run from this tree."""
    env, words = bare(words)
    words = [relocated(word, place) for word in words]
    if not words:
        return None
    name, server = recognise(words)
    if name == "fastapi run":
        words = ["run" if word == "dev" else word for word in words]
    if server is None:
        known = words[0] == "python3" or "/" in words[0] or "$" in words[0]
        if not known and not _installed(words[0], packaging):
            return None
        if words[0] == "uwsgi":
            listens = http_port(tree, words, place.folder)
            return Translated(words, tuple(env), listens, "http") if listens else None
        return _program(tree, words, env, place)
    port: int | None = None
    if server.protocol != "none":
        words, port = listen_on_port(words, server)
        port = port or _configured(tree, words, place) or server.usual
    packages = lacking(words, packaging)
    return Translated(words, tuple(env), port, server.protocol, packages)


def lacking(words: list[str], packaging: Packaging) -> tuple[str, ...]:
    """Requirements of a server's command that the project does not name."""
    name, server = recognise(words)
    needs = _requirements(name, server.requirement, words) if server else []
    return tuple(dict.fromkeys(r for need in needs for r in packaging.lacks(need)))


def _installed(program: str, packaging: Packaging) -> bool:
    """The project or something that it depends on brings the program."""
    name = _BROUGHT_BY.get(program, program)
    scripts = {script.name for script in packaging.scripts}
    return program in scripts or packaging.depends_on(normalise(name))


def _requirements(name: str, requirement: str, words: list[str]) -> list[str]:
    found = [requirement] if requirement else []
    if name == "gunicorn" and any("uvicorn" in word for word in words):
        found.append("uvicorn>=0.20,<1")
    found += [
        value.rpartition("=")[2]
        for option, value in pairwise([*words, ""])
        if (option in ("-k", "--worker-class") or value.startswith("--worker-class="))
        and value.rpartition("=")[2] in ("gevent", "eventlet")
    ]
    return found


def relocated(word: str, place: Place) -> str:
    """An absolute path of the author's image, as it is in karst's."""
    for copied in sorted(place.copies, key=len, reverse=True):
        if copied == "/" or not (f"{word}/").startswith(f"{copied.rstrip('/')}/"):
            continue
        inner = word[len(copied.rstrip("/")) :].strip("/")
        return f"{APP}/{under(place.copies[copied], inner)}".rstrip("/")
    return word


def _configured(tree: SourceTree, words: list[str], place: Place) -> int | None:
    """The port that gunicorn's or hypercorn's configuration file names."""
    names = ["gunicorn.conf.py"] if "gunicorn" in " ".join(words[:3]) else []
    for before, word in pairwise(words):
        if before in ("-c", "--config"):
            names = [word]
    for name in names:
        path = name.removeprefix("python:").removeprefix("file:")
        if name.startswith("python:"):
            path = path.replace(".", "/") + ".py"
        text = tree.read(under(place.folder, path.removeprefix("./"))) or ""
        if match := re.search(r"^\s*bind\s*=.*?:(\d{2,5})\b", text, re.MULTILINE):
            return int(match[1])
    return None


def _program(
    tree: SourceTree, words: list[str], env: list[tuple[str, str]], place: Place
) -> Translated | None:
    """A program of the tree, or one that the project installs."""
    file = started_file(tree, words, place)
    if file is None and _names_a_file(words):
        return None
    port: int | None = None
    kept: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        name, equals, value = word.partition("=")
        if equals and _PORT_OPTION.fullmatch(name) and port_in(value):
            port = port_in(value)
            word = f"{name}={PORT}"
        elif _PORT_OPTION.fullmatch(before) and port_in(word):
            port = port_in(word)
            word = PORT
        kept.append(word)
    nature = nature_of(tree, file) if file else None
    if nature is None:
        return Translated(kept, tuple(env), port, "http" if port else None)
    protocol = "http" if port and nature.protocol == "none" else nature.protocol
    return Translated(kept, tuple(env), port or nature.port, protocol)


def _names_a_file(words: list[str]) -> bool:
    rest = [word for word in words[1:] if not re.fullmatch(r"-[uOBEs]+", word)]
    if words[0] == "python3":
        return bool(rest) and rest[0] not in ("-m", "-c", "-um") and rest[0] != "-"
    return "/" in words[0] and not words[0].startswith("$")


def started_file(tree: SourceTree, words: list[str], place: Place) -> str | None:
    """The file of the tree that `words` start, where they start one."""
    rest = [word for word in words[1:] if not re.fullmatch(r"-[uOBEs]+", word)]
    if words[0] != "python3":
        rest = [words[0]] if "/" in words[0] else []
    if rest[:1] in (["-m"], ["-um"]) and len(rest) > 1:
        return module_file(tree, f"{rest[1]}.__main__", place.folder) or module_file(
            tree, rest[1], place.folder
        )
    if not rest or rest[0].startswith("-"):
        return None
    path = rest[0].removeprefix("./")
    if path.startswith(f"{APP}/"):
        path = path.removeprefix(f"{APP}/")
    elif not path.startswith("/"):
        path = under(place.folder, path)
    if f"{path}/__main__.py" in tree.files:
        return f"{path}/__main__.py"
    return path if tree.is_file(path) else None

"""Start scripts, one level deep: what their last line that starts something comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from karst.inspection.branches import chosen
from karst.inspection.commands import place_of
from karst.inspection.entrypoint import APP, Evidence
from karst.inspection.imports import under
from karst.inspection.packaging import Packaging
from karst.inspection.places import home_of_module, moved
from karst.inspection.servers import recognise
from karst.inspection.shell import (
    default_port,
    expand,
    simple_commands,
    take_assignments,
)
from karst.inspection.source import SourceTree
from karst.inspection.translate import (
    Place,
    Translated,
    bare,
    relocated,
    translate,
)

_CONTROL = re.compile(r"(?<!\$)(then|else|do|if|elif|while|until|!|\{)\b\s*")
_BLOCK_START = re.compile(r"\s*(if|case|while|until|for)\b(?!.*\b(fi|esac|done)\b)")
_BLOCK_END = re.compile(r"\s*(fi|esac|done)\b")
_ASSIGNED = re.compile(r"\s*(export\s+)?([A-Za-z_]\w*)=(\S*)\s*$")
# A script that does these wants another image than karst's.
_NOT_HERE = re.compile(
    r"\b(poetry|pipenv|pdm|uv|debugpy|gosu|su-exec|usermod|groupmod|useradd|chown|apt-get|apk|supervisord|nginx|su)\b"
    r"|activate|^\s*source\b"
    # a program at a place where only the author's image has it
    r"|(?<![\w$}.-])/(?!(usr/)?(local/)?s?bin/)[\w./-]+/bin/\w",
    re.MULTILINE,
)
# Steps before the server that the author declared; what else stands there is left out.
STEPS = re.compile(
    r"alembic|aerich|flask|prisma|piccolo|.*manage\.py|python3 .*manage\.py"
)
# What karst's image sets by itself.
_OF_THE_IMAGE = re.compile(r"(PATH|HOME|PORT|USER|SHELL|LANG|VIRTUAL_ENV|PYTHON\w*)$")
# Steps that fail when they are done again, or that nobody's service waits for.
_ONCE = re.compile(
    r"createsuperuser|create_?(default|admin|super)\w*|loaddata|\b(shell|test|flush)\b"
)
NO_PROGRAMS = frozenset(
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


def script_of(tree: SourceTree, word: str, place: Place) -> str | None:
    """The tree's file of a shell script, at its own place or by its name at the root."""
    inner = word.removeprefix("./")
    for copied, folder in place.copies.items():
        if copied != "/" and inner.startswith(f"{copied}/"):
            inner = "/" + under(folder, inner[len(copied) + 1 :])
            break
    name = inner.rpartition("/")[2]
    paths = [under(place.folder, inner), inner.lstrip("/"), name]
    if word in place.files:  # often copied by another name
        paths = [place.files[word]]
    paths += [f"{folder}/{name}" for folder in ("docker", "scripts", "bin")]
    for path in paths:
        text = tree.read(path) if path in tree.files else None
        if text is not None and re.match(r"#!.*\b(ba|da|a|z)?sh\b", text):
            return path
        if text is not None and path.endswith(".sh"):
            return path
    return None


@dataclass(frozen=True)
class Scripted:
    """What a script starts, for karst's image, the lines that say so, and from where."""

    found: Translated | None
    evidence: tuple[Evidence, ...]
    place: Place


def scripted(
    tree: SourceTree,
    packaging: Packaging,
    path: str,
    words: list[str],
    place: Place,
    *,
    follow: bool = True,
) -> Scripted:
    """What a start script comes to; a plain one is run as it is.

    `follow`: a script that it hands over to is read, too; that one follows no other,
    for scripts that hand over to each other many times would take for ever.
    """
    text = (tree.read(path) or "").replace("\\\n", " ")
    reading = _Reading(tree, packaging, words, place, dict(place.values), follow)
    lines = chosen(text.splitlines(), reading.values, words[1:])
    for number, line in enumerate(lines, 1):
        reading.take(line, number)
    if reading.best is None:
        return Scripted(None, (), place)
    found, number, here = reading.best
    shown = tree.evidence(path, number)
    if _NOT_HERE.search(text) or '"$@"' in shown.text or _names_a_copy(text, place):
        env = [e for e in reading.exports.items() if not _OF_THE_IMAGE.match(e[0])]
        steps = (*reading.steps, *found.steps)
        found = replace(found, steps=steps, env=(*env, *found.env))
        return Scripted(found, (shown, *reading.further), here)
    bash = "bash" if "bash" in text.partition("\n")[0] or "[[" in text else "sh"
    start = path if place.folder == "" else place_of(path)
    found = replace(found, words=[bash, start, *words[1:]])
    return Scripted(found, (shown,), place)


@dataclass
class _Reading:
    """A script that is read from its first line on.

    Attributes:
        words: how the script was called.
        place: where its next command runs: `cd` moves it.
        depth: in how many conditions and loops the line is.
        best: the last line that starts something: what, its number, and from where.
        further: lines of the script that it handed over to.
    """

    tree: SourceTree
    packaging: Packaging
    words: list[str]
    place: Place
    values: dict[str, str]
    follow: bool
    depth: int = 0
    best: tuple[Translated, int, Place] | None = None
    steps: list[tuple[str, ...]] = field(default_factory=list)
    exports: dict[str, str] = field(default_factory=dict)
    further: tuple[Evidence, ...] = ()

    def take(self, line: str, number: int) -> None:
        self.depth += bool(_BLOCK_START.match(line)) - bool(_BLOCK_END.match(line))
        self._take_assignment(line)
        for command in _script_commands(line, self.values, self.words):
            if command[0] == "cd" and len(command) == 2 and not self.depth:
                self.place = moved(self.tree, self.place, command[1])
            self._take_step(tuple(bare(command)[1]))
            found = self._started_by(command) or self._handed_over(command, line)
            if found is not None:
                found = replace(found, port=default_port(line) or found.port)
                self.best = (found, number, self.place)

    def _take_assignment(self, line: str) -> None:
        match = _ASSIGNED.match(line)
        if not match:
            return
        exported, name, value = match.groups()
        value = expand(value.strip("\"'"), self.values)
        if "$" in value:
            return
        self.values.setdefault(name, value)
        if exported and not self.depth:
            self.exports[name] = relocated(value, self.place)

    def _take_step(self, step: tuple[str, ...]) -> None:
        if step[:1] == ("uwsgi",):
            self.best = None  # what stands before it is beside it
        text = " ".join(step)
        if self.depth or _ONCE.search(text) or not STEPS.match(text):
            return
        if not recognise(list(step))[1]:
            self.steps.append(tuple(relocated(word, self.place) for word in step))

    def _started_by(self, command: list[str]) -> Translated | None:
        if command[0].rpartition("/")[2] in NO_PROGRAMS:
            return None
        return _in_script(self.tree, self.packaging, command, self.place)

    def _handed_over(self, command: list[str], line: str) -> Translated | None:
        """What the script comes to that this one was called with, by `exec "$@"`."""
        if not self.follow or '"$@"' not in line or command != self.words[1:]:
            return None
        inner = script_of(self.tree, command[0], self.place)
        if inner is None:
            return None
        more = scripted(
            self.tree, self.packaging, inner, command, self.place, follow=False
        )
        self.further, self.place = more.evidence, more.place
        return more.found


def _names_a_copy(text: str, place: Place) -> bool:
    """A folder that the author's image has the tree in, and karst's doesn't."""
    text = expand(text, place.values)
    copies = [c for c in place.copies if c != "/" and not f"{c}/".startswith(f"{APP}/")]
    return any(
        re.search(rf"(?<![\w$}}./-]){re.escape(c)}(?![\w.-])", text) for c in copies
    )


def _in_script(
    tree: SourceTree, packaging: Packaging, command: list[str], place: Place
) -> Translated | None:
    """Only what surely is a program: a known server, Python, or a console script."""
    _, words = bare(command)
    if not words:
        return None
    scripts = {script.name for script in packaging.scripts}
    known = recognise(words)[1] is not None or words[0] in scripts
    if not known and words[0] not in ("python3", "uwsgi"):
        return None
    if words[0] == "celery" and {"--detach", "multi"} & {*words}:
        return None  # a worker beside what comes after it
    if words[0] == "python3" and _is_step(words):
        return None
    found = translate(tree, words, place, packaging)
    return found if found and home_of_module(tree, place, found.words) else None


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

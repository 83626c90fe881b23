"""The last stage of a Dockerfile: what it is made of and what it starts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from posixpath import join, normpath

from karst.inspection.dockerfile import Instruction, instructions
from karst.inspection.shell import expand

_FROM = re.compile(
    r"(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?(?:\s+#.*)?", re.IGNORECASE
)
_NOT_MEANT = re.compile(
    r"(unit-?)?tests?|testing|dev(elopment)?|debug|lint(er)?|docs?|ci"
)
_MEANT = re.compile(
    r"prod(uction)?|final|runtime|runner|release|app|web|server|main|deploy"
)
_FLAG = re.compile(r"--[a-z]+(=\S+)?")


@dataclass(frozen=True)
class Command:
    """ENTRYPOINT or CMD: argv of the exec form, or the text of the shell form."""

    argv: tuple[str, ...]
    text: str
    line: int


@dataclass(frozen=True)
class Stage:
    """A stage with all that it inherits from stages of the same file.

    Attributes:
        base: the image that the chain of stages begins with.
        values: its ENV and ARG values.
        env: its ENV values alone.
        workdir: WORKDIR at its end.
        copies: absolute folders, and the context's folders that they hold.
        files: absolute paths, and the one path of the context that each is a copy of.
        steps: RUN texts; `images`: what COPY --from names, and that stage's base.
        ports: EXPOSE, in order; `sources`: what COPY takes from the context.
    """

    base: str
    values: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    copies: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    entrypoint: Command | None = None
    command: Command | None = None

    @property
    def buildable(self) -> bool:
        """Its base is named; one left to `--build-arg` is known to its author only."""
        return "$" not in self.base


def read_last_stage(text: str, target: str = "") -> Stage | None:
    """Read the stage `target`, by default the last one; None where there is none."""
    stages: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    current: Stage | None = None
    name = ""
    for each in instructions(text):
        if each.word == "FROM":
            match = _FROM.match(expand(each.text, arguments))
            if match is None:
                return None
            name = (match[2] or str(len(stages))).lower()
            parent = stages.get(match[1].lower())
            current = parent or Stage(match[1], values=dict(arguments))
        elif current is None:
            arguments |= dict(_pairs(each.text)) if each.word == "ARG" else {}
        else:
            current = _after(current, each, stages)
        if current is not None:
            stages[name] = current
    if not target and _NOT_MEANT.fullmatch(name):
        meant = [stage for stage in stages if _MEANT.fullmatch(stage)]
        target = meant[-1] if meant else ""
    return stages.get(target.lower(), current) if target else current


def _after(stage: Stage, each: Instruction, stages: Mapping[str, Stage]) -> Stage:
    text = each.text
    if each.word in ("ENV", "ARG"):
        new = dict(_pairs(expand(text, stage.values)))
        values = (
            {**stage.values, **new} if each.word == "ENV" else {**new, **stage.values}
        )
        env = {**stage.env, **new} if each.word == "ENV" else stage.env
        return replace(stage, values=values, env=env)
    if each.word == "WORKDIR":
        place = expand(text.strip("\"'"), stage.values)
        return replace(stage, workdir=normpath(join(stage.workdir, place)))
    if each.word in ("COPY", "ADD"):
        return _copied(stage, expand(text, stage.values), stages)
    if each.word == "RUN":
        return replace(stage, steps=(*stage.steps, text))
    if each.word == "EXPOSE":
        found = re.findall(r"\d+", expand(text, stage.values))
        return replace(stage, ports=(*stage.ports, *map(int, found)))
    if each.word == "ENTRYPOINT":
        # What was inherited as CMD is not for this ENTRYPOINT, a CMD above it is.
        return replace(stage, entrypoint=_command(each))
    if each.word == "CMD":
        return replace(stage, command=_command(each))
    return stage


def _command(each: Instruction) -> Command:
    if each.text.startswith("["):
        try:
            words = json.loads(each.text)
        except ValueError:
            words = None
        if isinstance(words, list) and all(isinstance(w, str) for w in words):
            return Command(tuple(words), "", each.line)
    return Command((), each.text, each.line)


def _copied(stage: Stage, text: str, stages: Mapping[str, Stage]) -> Stage:
    words = text.split()
    flags = [word for word in words if _FLAG.fullmatch(word)]
    words = [word for word in words if not _FLAG.fullmatch(word)]
    if text.lstrip().startswith("["):
        try:
            words = [str(word) for word in json.loads(text[text.index("[") :])]
        except ValueError:
            return stage
    if len(words) < 2:
        return stage
    *sources, into = words
    place = normpath(join(stage.workdir, into))
    origin = next((f[7:] for f in flags if f.startswith("--from=")), None)
    if origin is not None:
        return _copied_from(stage, stages.get(origin.lower()), origin, sources, place)
    copies = dict(stage.copies)
    paths = [normpath(source).strip("/") for source in sources]
    files = {place: paths[0]} if len(paths) == 1 else {}
    texts = (p for p in paths if p.endswith(".txt"))
    files |= {f"{place.rstrip('/')}/{p.rpartition('/')[2]}": p for p in texts}
    stage = replace(
        stage,
        sources=(*stage.sources, *sources),
        files={**stage.files, **files},
    )
    for source in sources:
        path = normpath(source).strip("/")
        path = "" if path == "." else path
        is_file = "." in path.rpartition("/")[2].lstrip(".")
        if is_file or len(sources) > 1:
            copies.setdefault(place, path.rpartition("/")[0] if is_file else "")
            continue
        copies[place] = path
        # /code/app holds app: then /code is where the context's root would be.
        if path and place.endswith(f"/{path}"):
            copies.setdefault(place[: -len(path) - 1] or "/", "")
    return replace(stage, copies=copies)


def _copied_from(
    stage: Stage, other: Stage | None, origin: str, sources: list[str], place: str
) -> Stage:
    if other is None:
        return replace(stage, images=(*stage.images, origin))
    copies = dict(stage.copies)
    for source in sources:
        held = other.copies.get(normpath(join(other.workdir, source)))
        if held is not None:
            copies.setdefault(place, held)
    more = (other.base, *other.images)
    return replace(
        stage,
        copies=copies,
        images=(*stage.images, *more),
        steps=(*stage.steps, *other.steps),
        sources=(*stage.sources, *other.sources),
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    if words and "=" not in words[0]:  # the old form: ENV key value with spaces
        return [(words[0], " ".join(words[1:]))] if len(words) > 1 else []
    return [(k, v) for k, _, v in (word.partition("=") for word in words)]

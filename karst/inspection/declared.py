"""Where authors declare the command: image files, Procfile, compose, platforms.

Each source is one function that returns what it found, nothing where it says nothing;
`DECLARED` holds their order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from karst.inspection.authored import authored
from karst.inspection.compose import (
    composed,
    port_of_image,
    published,
    spelled_out,
    with_port,
)
from karst.inspection.dockerfile_command import from_dockerfile
from karst.inspection.documents import read_json, read_toml, read_yaml
from karst.inspection.entrypoint import Candidate
from karst.inspection.packaging import Packaging
from karst.inspection.processes import in_order
from karst.inspection.rules import Found
from karst.inspection.source import SourceTree, table
from karst.inspection.translate import Place

_PROCFILE_LINE = re.compile(r"\s*([\w-]+)\s*:\s*(\S.*)")
DOCKERFILES = ("Dockerfile", "docker/Dockerfile", "Containerfile")

Source = Callable[[SourceTree, Packaging], Found]


def dockerfile(tree: SourceTree, packaging: Packaging) -> Found:
    """Dockerfile: ENTRYPOINT and CMD of the last stage."""
    for path in DOCKERFILES:
        if path in tree.files:
            found = from_dockerfile(tree, packaging, path)
            if found:
                port = port_of_image(tree) if path == "Dockerfile" else None
                found = tuple(
                    with_port(spelled_out(tree, packaging, c), port) for c in found
                )
                return Found(found[:1], found[1:])
    return Found()


def procfile(tree: SourceTree, packaging: Packaging) -> Found:
    """Procfile: web, else another process that is no release step."""
    found: dict[str, Candidate] = {}
    for number, line in enumerate(tree.lines("Procfile"), 1):
        match = _PROCFILE_LINE.match(line)
        if match is None or match[1] == "release":
            continue
        rule = f"Procfile: {match[1]}"
        evidence = tree.evidence("Procfile", number)
        candidate = authored(tree, packaging, match[2], Place(), rule, evidence)
        if candidate:
            found.setdefault(match[1], _as_process(candidate, match[1]))
        elif match[1] == "web":
            return Found()  # a worker beside it is not what is meant
    return in_order(found, project=packaging.name)


def compose(tree: SourceTree, packaging: Packaging) -> Found:
    """compose: the command of the service that builds this folder."""
    found = dict(composed(tree, packaging))
    return in_order(found, project=packaging.name, published=published(tree))


def fastapi(tree: SourceTree, packaging: Packaging) -> Found:
    """[tool.fastapi] entrypoint in pyproject.toml."""
    value = table(tree.pyproject(), "tool", "fastapi").get("entrypoint")
    if not isinstance(value, str) or ":" not in value:
        return Found()
    line = tree.line_of("pyproject.toml", "[tool.fastapi]") + 1
    evidence = tree.evidence("pyproject.toml", line)
    rule = "[tool.fastapi] entrypoint"
    words = ["uvicorn", value]
    found = authored(tree, packaging, words, Place(), rule, evidence)
    return Found((found,) if found else ())


def render(tree: SourceTree, packaging: Packaging) -> Found:
    """render.yaml: startCommand or dockerCommand of the web service, else a worker."""
    found: dict[str, Candidate] = {}
    for name in ("render.yaml", "render.yml"):
        services = read_yaml(tree, name).get("services")
        for service in services if isinstance(services, list) else ():
            if not isinstance(service, dict):
                continue
            command = service.get("startCommand") or service.get("dockerCommand")
            if service.get("type") not in ("web", "pserv", "worker"):
                continue
            folder = str(service.get("rootDir") or "").strip("./")
            rule = f"{name}: {service.get('type')}"
            _add(tree, packaging, found, name, str(service["type"]), command, rule, folder)  # fmt: skip
    return in_order(found, project=packaging.name)


def railway(tree: SourceTree, packaging: Packaging) -> Found:
    """railway.json or railway.toml: deploy.startCommand."""
    found: dict[str, Candidate] = {}
    for name, read in (("railway.json", read_json), ("railway.toml", read_toml)):
        command = table(read(tree, name), "deploy").get("startCommand")
        _add(tree, packaging, found, name, "web", command, f"{name}: startCommand")
    return in_order(found, project=packaging.name)


def fly(tree: SourceTree, packaging: Packaging) -> Found:
    """fly.toml: [processes]."""
    found: dict[str, Candidate] = {}
    data = read_toml(tree, "fly.toml")
    for process, command in table(data, "processes").items():
        rule = f"fly.toml: {process}"
        _add(tree, packaging, found, "fly.toml", process, command, rule)
    return in_order(found, project=packaging.name)


DECLARED: tuple[Source, ...] = (
    dockerfile,
    procfile,
    compose,
    fastapi,
    render,
    railway,
    fly,
)


def _add(
    tree: SourceTree,
    packaging: Packaging,
    found: dict[str, Candidate],
    file: str,
    process: str,
    command: object,
    rule: str,
    folder: str = "",
) -> None:
    if not isinstance(command, str) or not tree.is_folder(folder):
        return
    start = command.strip()[:24]
    number = next(
        (n for n, line in enumerate(tree.lines(file), 1) if start in line),
        1,
    )  # fmt: skip
    evidence = tree.evidence(file, number)
    candidate = authored(tree, packaging, command, Place(folder), rule, evidence)
    if candidate:
        found.setdefault(process, _as_process(candidate, process))


def _as_process(candidate: Candidate, process: str) -> Candidate:
    """What a platform calls web serves HTTP on PORT; a worker has no port."""
    if candidate.protocol is None and process == "web":
        return replace(candidate, protocol="http")
    if process in ("worker", "bot") and candidate.protocol is None:
        return replace(candidate, protocol="none", port=None)
    return candidate


def declared(tree: SourceTree, packaging: Packaging) -> Iterator[Found]:
    """What each source says, in their order."""
    for source in DECLARED:
        found = source(tree, packaging)
        if found.best:
            yield found

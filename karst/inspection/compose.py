"""compose files: the services that build from this tree, and what they start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from posixpath import normpath
from typing import Any

from karst.inspection.authored import authored
from karst.inspection.dockerfile_command import from_dockerfile, split
from karst.inspection.documents import read_yaml
from karst.inspection.entrypoint import Candidate
from karst.inspection.imports import under
from karst.inspection.packaging import Packaging
from karst.inspection.shell import PORT, default_port, expand
from karst.inspection.source import SourceTree
from karst.inspection.stages import Command
from karst.inspection.translate import Place

FILES = (
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "docker-compose.prod.yml",
)
_ANY_FILE = re.compile(r"([^/]+/){0,2}(docker-)?compose[\w.-]*\.ya?ml")
_DEBUGGERS = {5678}
_HELPERS = re.compile(
    r"migrat|test|lint|seed|init|setup|shell|debug|nginx|proxy|db|redis|prestart", re.I
)


def builds(tree: SourceTree) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Services with a build: name, the context's folder, the service, the file."""
    for file in FILES:
        services = read_yaml(tree, file).get("services")
        if not isinstance(services, dict):
            continue
        for name, service in services.items():
            build = service.get("build") if isinstance(service, dict) else None
            context = build.get("context", ".") if isinstance(build, dict) else build
            if not isinstance(context, str):
                continue
            folder = normpath(context).strip("/")
            folder = "" if folder == "." else folder
            if not folder.startswith("..") and tree.is_folder(folder):
                yield str(name), folder, service, file
        return


def published(tree: SourceTree) -> frozenset[str]:
    """Names of the services with a build: that publish a port."""
    return frozenset(name for name, _, service, _ in builds(tree) if "ports" in service)


def port_of_image(tree: SourceTree) -> int | None:
    """The port that compose publishes of the root's Dockerfile, where it is one."""
    ports = {
        container_port(service)
        for name, folder, service, _ in builds(tree)
        if _starts_by_image(service, folder) and not _HELPERS.search(name)
    } - {None}
    return ports.pop() if len(ports) == 1 else None


def container_port(service: Mapping[str, Any]) -> int | None:
    """The one port within the container that a service publishes; None for several."""
    ports = service.get("ports")
    found = {_inner_port(each) for each in (ports if isinstance(ports, list) else ())}
    found -= _DEBUGGERS
    return found.pop() if len(found) == 1 else None


def _inner_port(each: object) -> int | None:
    """Of `8080`, `80:8080`, `127.0.0.1:80:8080/tcp` and `target: 8080` the last."""
    text = str(each.get("target", "") if isinstance(each, dict) else each)
    last = expand(text, {}).rpartition(":")[2].removesuffix("/tcp")
    if last == PORT:
        return default_port(text)
    port = int(last) if re.fullmatch(r"[0-9]{1,5}", last) else 0
    return port if 0 < port < 65536 else None


def composed(tree: SourceTree, packaging: Packaging) -> Iterator[tuple[str, Candidate]]:
    """Candidates by service name, services before helpers; all of one folder.

    Where services build several folders, none is meant more than another: nothing.
    A folder without Python, such as nginx's, is none of them; beside such a one only
    a command of compose's own counts, the Dockerfile's is looked for in its folder.
    """
    found = list(builds(tree))
    if len({folder for _, folder, _, _ in found}) > 1:
        found = [b for b in found if tree.has_python(b[1])]
        if not any(b[2].get("command") or b[2].get("entrypoint") for b in found):
            return
    folders = {folder for _, folder, _, _ in found}
    if len(folders) != 1:
        return
    found.sort(key=lambda b: (bool(_HELPERS.search(b[0])), "ports" not in b[2]))
    for name, folder, service, file in found:
        if _HELPERS.search(name):
            continue
        candidate = _candidate(tree, packaging, name, folder, service, file)
        if candidate:
            yield name, candidate
        elif "ports" in service and not _starts_by_image(service, folder):
            return  # what is behind it can't be meant more than this one


def _starts_by_image(service: dict[str, Any], folder: str) -> bool:
    """The service says nothing of its own: the root's Dockerfile was asked before."""
    build = service.get("build")
    file = build.get("dockerfile") if isinstance(build, dict) else None
    plain = file in (None, "Dockerfile") and not folder
    return plain and not (service.get("command") or service.get("entrypoint"))


def _candidate(
    tree: SourceTree,
    packaging: Packaging,
    name: str,
    folder: str,
    service: dict[str, Any],
    file: str,
) -> Candidate | None:
    build = service.get("build")
    build = build if isinstance(build, dict) else {}
    path = normpath(under(folder, str(build.get("dockerfile") or "Dockerfile")))
    command = _command(tree, file, name, "command", service.get("command"))
    if command is None and (folder == "" and path == "Dockerfile"):
        return None  # the Dockerfile's own command was asked for before
    start = _command(tree, file, name, "entrypoint", service.get("entrypoint"))
    read = from_dockerfile(
        tree,
        packaging,
        path,
        context=folder,
        target=str(build.get("target") or ""),
        command=command,
        start=start,
    )
    if command or start:
        # The Dockerfile's own image would start by its own command.
        read = tuple(c for c in read if c.kind != "dockerfile")
    if not read:
        return None
    candidate = with_port(read[0], container_port(service))
    where = command or start
    rule = f"{file}: {name}"
    if where:
        shown = (tree.evidence(file, where.line), *candidate.evidence)
        return replace(candidate, rule=rule, evidence=shown)
    return replace(candidate, rule=rule)


def spelled_out(tree: SourceTree, packaging: Packaging, found: Candidate) -> Candidate:
    """A bare console script with the arguments that a compose file gives it.

    Without arguments, a program of several commands shows its help and ends. What
    several services say differently counts where one alone publishes a port.
    """
    if found.kind != "script" or len(found.command) != 1 or found.packages:
        return found
    script = found.command[0]
    said: dict[tuple[str, ...], tuple[Candidate, bool]] = {}
    for file in sorted(filter(_ANY_FILE.fullmatch, tree.files)):
        services = read_yaml(tree, file).get("services")
        for name, service in services.items() if isinstance(services, dict) else ():
            if not isinstance(service, dict) or _HELPERS.search(str(name)):
                continue
            value = service.get("command")
            command = _command(tree, file, str(name), "command", value)
            words = split(command) if command else []
            if len(words) < 2 or words[0] != script or not command:
                continue
            shown = tree.evidence(file, command.line)
            rule = f"{file}: {name}"
            spelled = authored(tree, packaging, words, Place(), rule, shown)
            if spelled is not None:
                spelled = with_port(spelled, container_port(service))
                said.setdefault(spelled.command, (spelled, "ports" in service))
    open_to_all = [each for each, ports in said.values() if ports]
    every = [each for each, _ in said.values()]
    best = open_to_all if len(every) > 1 else every
    if len(best) != 1:
        return found
    return replace(best[0], workdir=found.workdir, folder=found.folder, env=found.env)


def with_port(candidate: Candidate, port: int | None) -> Candidate:
    """The port, where nothing nearer to the program names one."""
    if candidate.port is not None or candidate.protocol == "none":
        return candidate
    return replace(candidate, port=port)


def _command(
    tree: SourceTree, file: str, service: str, key: str, value: object
) -> Command | None:
    if isinstance(value, list) and all(isinstance(w, str | int) for w in value):
        return Command(
            tuple(str(w) for w in value), "", _line(tree, file, service, key)
        )
    if isinstance(value, str) and value.strip():
        # compose splits a string into words itself; a shell shows in them.
        text = value.replace("$$", "$")
        return Command((), text, _line(tree, file, service, key))
    return None


def _line(tree: SourceTree, file: str, service: str, key: str) -> int:
    within = False
    for number, line in enumerate(tree.lines(file), 1):
        if re.match(rf"\s+[\"']?{re.escape(service)}[\"']?\s*:", line):
            within = True
        elif within and re.match(rf"\s+{key}\s*:", line):
            return number
    return 1

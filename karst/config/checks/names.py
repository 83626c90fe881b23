"""Names of stacks and services: they become host names, containers and identities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from karst.config.checks.written import WrittenService
from karst.config.document import render_path
from karst.config.faults import Fault

MAX_LENGTH = 40
RESERVED = ("karst", "localhost", "host")
# Probe, keeper and doors have names and identities of this form.
_OWN_PREFIX = "karst-"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# inet_aton reads these as addresses, before any name is looked up.
_ADDRESS = re.compile(r"[0-9]+|0x[0-9a-f]*")
_RULE = "use lowercase letters, digits and '-', at most 40 characters"


def is_label(text: str) -> bool:
    """Say whether `text` is a DNS label of at most 40 characters, and no address."""
    if len(text) > MAX_LENGTH or _ADDRESS.fullmatch(text):
        return False
    return _LABEL.fullmatch(text) is not None


def label_of(text: str) -> str:
    """Return the label nearest to `text`, or "" where nothing of it can stay."""
    label = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_LENGTH].strip("-")
    return label if is_label(label) else ""


def check_stack_name(name: str) -> Iterator[Fault]:
    if not is_label(name):
        yield Fault(("name",), f"'{name}' is no name for a stack", _rule_for(name))


def check_service_names(services: Sequence[WrittenService]) -> Iterator[Fault]:
    first: dict[str, WrittenService] = {}
    for service in services:
        name, model = service.name, service.model
        if not name and not (service.slug or model.image):
            continue
        if not is_label(name):
            yield _bad_name(service)
        elif name in RESERVED or name.startswith(_OWN_PREFIX):
            yield service.fault(
                f"the name '{name}' is reserved",
                "set 'name:' to something else",
                "name",
            )
        elif name in first:
            place = render_path(first[name].path)
            yield service.fault(
                f"the name '{name}' is already that of {place}", _other_name(service)
            )
        first.setdefault(name, service)


def _bad_name(service: WrittenService) -> Fault:
    if service.model.name is not None:
        what = f"'{service.name}' is no name for a service"
        return service.fault(what, _rule_for(service.name), "name")
    what = f"'{service.name}', the repository's name, is no name for a service"
    remedy = (
        f"set 'name:', such as {_mapping(service, label_of(service.name) or 'web')}"
    )
    return service.fault(what, remedy)


def _other_name(service: WrittenService) -> str:
    if service.model.name is not None:
        return "give one of them another name"
    return f"set 'name:', such as {_mapping(service, f'{service.name}-2')}"


def _mapping(service: WrittenService, name: str) -> str:
    key, value = (
        ("slug", str(service.slug)) if service.slug else ("image", service.model.image)
    )
    return f"{{{key}: '{value}', name: {name}}}"


def _rule_for(name: str) -> str:
    near = label_of(name)
    return f"{_RULE}, such as '{near}'" if near else _RULE

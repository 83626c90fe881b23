"""Edges between services: who calls whom, and which jobs come first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from karst.config.checks.written import WrittenService
from karst.config.faults import Fault
from karst.config.sentences import suggest


def check_edges(services: Sequence[WrittenService]) -> Iterator[Fault]:
    by_name = {service.name: service for service in services if service.name}
    for service in services:
        for i, name in enumerate(service.model.calls or ()):
            yield from _check_call(service, name, i, by_name)
        for i, name in enumerate(service.model.needs):
            yield from _check_need(service, name, i, by_name)
    yield from _check_cycles(by_name)


def _check_call(
    service: WrittenService, name: str, i: int, by_name: Mapping[str, WrittenService]
) -> Iterator[Fault]:
    callee = by_name.get(name)
    if callee is None:
        yield _unknown(service, name, "calls", i, by_name)
    elif callee.port is None:
        yield service.fault(
            f"'{name}' has no port, so nobody can call it",
            f"remove it here, or give '{name}' a port and a protocol",
            "calls",
            i,
        )


def _check_need(
    service: WrittenService, name: str, i: int, by_name: Mapping[str, WrittenService]
) -> Iterator[Fault]:
    needed = by_name.get(name)
    if needed is None:
        yield _unknown(service, name, "needs", i, by_name)
    elif needed.model.kind != "job":
        yield service.fault(
            f"'{name}' is no job, so it has no end to wait for",
            f"remove it here, or write 'kind: job' at '{name}'",
            "needs",
            i,
        )


def _unknown(
    service: WrittenService,
    name: str,
    key: str,
    i: int,
    by_name: Mapping[str, WrittenService],
) -> Fault:
    return service.fault(
        f"no service is called '{name}'{suggest(name, by_name)}",
        f"the services are {', '.join(by_name)}" if by_name else "name a service",
        key,
        i,
    )


def _check_cycles(by_name: Mapping[str, WrittenService]) -> Iterator[Fault]:
    waits = {
        name: [need for need in service.model.needs if need in by_name]
        for name, service in by_name.items()
    }
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        # The sorter names those waited for first.
        cycle: list[str] = error.args[1][::-1]
        yield by_name[cycle[0]].fault(
            f"these jobs wait for each other: {' -> '.join(cycle)}",
            "remove one of these 'needs'",
            "needs",
        )

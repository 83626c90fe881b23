"""The apply stage beside bare `terraform apply` and the engine's API alone.

One round: karst applies and changes; Terraform destroys the containers and leaves the
volumes; bare Terraform, then the raw API, make the same containers over the same
volumes, so that the sidecars find their files and start the same Envoys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import bare, raw
from bench.figures import Figure, Pair, at_most, compared
from bench.options import Options
from bench.stacks import BenchStack, bench_stack, trivial_services
from bench.sweeping import remove_containers

TITLE = "apply: certificates and delivery included, health waits apart"
_NOTE = "bare: the module with `start = true` for apps, so that both end started"
_MOST, _MOST_CHANGE = 1.10, 1.20
# Waiting for services to answer is neither Terraform's nor the raw API's work.
_APART = "health"
_CHANGES = 2


@dataclass
class _Seen:
    """Seconds of one size, over all rounds."""

    bare: list[Pair] = field(default_factory=list)
    raw: list[Pair] = field(default_factory=list)
    changes: list[Pair] = field(default_factory=list)
    stages: list[dict[str, float]] = field(default_factory=list)
    change_stages: list[dict[str, float]] = field(default_factory=list)


def measure(options: Options) -> Iterator[Figure]:
    print(f"  ({_NOTE})")
    seen: dict[int, _Seen] = {}
    for size in options.apply_sizes:
        seen[size] = _Seen()
        for number in range(options.rounds):
            with bench_stack(f"apply{size}") as stack:
                _round(options, stack, size, seen[size], number)
        yield from _figures(size, seen[size])
    few, many = options.changes_in
    if few in seen and many in seen:
        yield _change_figure(few, many, seen)


def _round(
    options: Options, stack: BenchStack, size: int, seen: _Seen, number: int
) -> None:
    stack.write(trivial_services(size, options.image))
    stages = stack.stages()
    seen.stages.append(stages)
    before = stack.variables()
    changed = []
    for change in range(_CHANGES):
        env = {"CHANGE": str(change)}
        stack.write(trivial_services(size, options.image, env=env))
        seen.change_stages.append(stack.stages())
        changed.append(stack.variables())
    bare.destroy(stack.state_folder)
    module = bare.BareModule(stack, options.scratch / f"{stack.name}-{number}")
    try:
        seen.bare.append(Pair(_spent(stages), module.apply(before)))
        for stages_of_change, variables in zip(
            seen.change_stages[-_CHANGES:], changed, strict=True
        ):
            took = module.apply(variables)
            seen.changes.append(Pair(_spent(stages_of_change), took))
    finally:
        module.destroy()
    try:
        seen.raw.append(Pair(_spent(stages), raw.create(options.client, before)))
    finally:
        remove_containers(options.client)
        options.client.api.remove_network(stack.name)


def _spent(stages: Mapping[str, float]) -> float:
    return sum(seconds for name, seconds in stages.items() if name != _APART)


def _figures(size: int, seen: _Seen) -> Iterator[Figure]:
    name = f"{size} service{'s' * (size != 1)}"
    words = ("karst", "terraform")
    yield compared(
        f"{name} / bare terraform apply", seen.bare, unit="s", words=words, most=_MOST
    )
    yield compared(
        f"{name} / raw engine API", seen.raw, unit="s", words=("karst", "API")
    )
    yield compared(f"one change among {size} / bare", seen.changes, unit="s")
    yield _split(f"{name}: where karst's time goes", seen.stages)
    yield _split(f"one change among {size}: likewise", seen.change_stages)


def _split(name: str, stages: list[dict[str, float]]) -> Figure:
    middle = {key: median(s.get(key, 0.0) for s in stages) for key in stages[0]}
    told = ", ".join(f"{k} {v:.2f}" for k, v in middle.items() if k != _APART)
    absolute = f"{told} s; apart: {_APART} {middle.get(_APART, 0.0):.2f} s"
    return Figure(name, None, absolute, values=stages)


def _change_figure(few: int, many: int, seen: Mapping[int, _Seen]) -> Figure:
    small = median(_spent(s) for s in seen[few].change_stages)
    large = median(_spent(s) for s in seen[many].change_stages)
    values: dict[str, Any] = {str(few): small, str(many): large}
    return Figure(
        f"one change among {many} / one among {few}",
        large / small,
        f"{large:.2f} s, {small:.2f} s",
        f"<= {_MOST_CHANGE:.2f}x",
        at_most(large / small, _MOST_CHANGE, "%"),
        values,
    )

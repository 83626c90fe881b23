"""`karst plan` of an applied stack, beside bare `terraform plan` of the same one."""

from __future__ import annotations

from collections.abc import Iterator

from bench import bare
from bench.figures import Figure, Pair, at_most, ours_of, ratio_of, theirs_of
from bench.options import Options
from bench.stacks import BenchStack, bench_stack, trivial_services

TITLE = "plan: karst plan / terraform plan (same folder, variables and settings)"
_SECONDS, _SHARE = 1.0, 0.15


def measure(options: Options) -> Iterator[Figure]:
    for size in options.plan_sizes:
        with bench_stack(f"plan{size}") as stack:
            stack.write(trivial_services(size, options.image))
            stack.stages()
            pairs = _pairs(stack, options.plan_pairs)
        allowed = theirs_of(pairs) * (1 + _SHARE) + _SECONDS
        ours, theirs = ours_of(pairs), theirs_of(pairs)
        yield Figure(
            f"no-change plan of {size} services",
            ratio_of(pairs),
            f"karst {ours:.2f} s, bare {theirs:.2f} s, {ours - theirs:+.2f} s",
            f"<= bare + {_SHARE:.0%} + {_SECONDS:g} s",
            at_most(ours, allowed, "s"),
            [p.__dict__ for p in pairs],
        )


def _pairs(stack: BenchStack, count: int) -> list[Pair]:
    # Once unmeasured: the first run of either fills the file cache for both.
    stack.karst("plan")
    bare.plan(stack.state_folder)
    return [
        Pair(stack.karst("plan").seconds, bare.plan(stack.state_folder).seconds)
        for _ in range(count)
    ]

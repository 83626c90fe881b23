"""A forge in a process of its own: `python -m bench.forge_process FOLDER COUNT`.

Prints its addresses as JSON and serves until its input ends. What it answers is kept,
as a forge that is asked for the same again has it at hand.
"""

from __future__ import annotations

import functools
import json
import random
import sys
from pathlib import Path

from tests.fakes.exchange import Reply
from tests.fakes.github import FakeGitHub
from tests.fakes.repositories import GitRepository

LATENCY_SECONDS = 0.05
_FILES = 40


class _Forge(FakeGitHub):
    """Does not hold its answers to GitHub's description, which costs milliseconds."""

    def _checked(self, _: object, reply: Reply) -> Reply:
        return reply


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    with _Forge(latency=LATENCY_SECONDS) as forge:
        chance = random.Random(1)  # noqa: S311
        words = [f"{chance.getrandbits(40):x}" for _ in range(500)]
        for number in range(count):
            repository = forge.add(f"o/r{number}", folder / str(number))
            repository.commit(
                {
                    f"part{n % 7}/m{n}.py": " ".join(chance.choices(words, k=300))
                    for n in range(_FILES)
                }
            )
        GitRepository.git_bytes = functools.cache(GitRepository.git_bytes)  # type: ignore[method-assign]
        # What it looks for and does not find, too: three calls of git for each question.
        GitRepository.resolve = functools.cache(GitRepository.resolve)  # type: ignore[method-assign]
        print(json.dumps({"api": forge.api, "url": forge.url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

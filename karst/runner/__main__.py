"""The sidecar image's entry point: `python3 -m karst.runner agent|keeper|probe`."""

from __future__ import annotations

import sys

PROGRAMS = ("agent", "keeper", "probe")


def main() -> int:
    """Run the program that the first argument names; 64 where there is none such.

    Each program is imported only when it is asked for: memory per service counts.
    """
    program = sys.argv[1] if len(sys.argv) > 1 else ""
    if program in ("agent", "agent-sealed"):
        from karst.runner.agent import run_agent, run_sealed

        if program == "agent":
            return run_agent()
        return run_sealed(int(sys.argv[2]), int(sys.argv[3]))
    if program == "keeper":
        from karst.runner.keeper import run_keeper

        return run_keeper()
    if program == "probe":
        from karst.runner.health_probe import run_probe

        return run_probe(sys.argv[2] if len(sys.argv) > 2 else "/probe/request.json")
    print(f"usage: karst.runner {'|'.join(PROGRAMS)}", file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main())

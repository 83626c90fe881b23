"""Plan the stack of this folder and build what it lacks; print the build's seconds.

A program of its own, because karst reads its folder and environment once, at start.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from karst.cli.wiring import open_workbench
from karst.pipeline.applying import build_missing
from karst.pipeline.planning import plan


def main() -> None:
    workbench = open_workbench(Path("repos.yaml"))
    planned = plan(workbench.tools, workbench.spec, workbench.settings)
    began = time.monotonic()
    build_missing(workbench.tools, planned)
    seconds = time.monotonic() - began
    print(json.dumps({"seconds": seconds, "built": sorted(planned.missing)}))


if __name__ == "__main__":
    main()

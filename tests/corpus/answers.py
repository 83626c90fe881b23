"""What is told of a fixture tree, as its expected.json holds it.

    python tests/corpus/answers.py NAME...

writes the expected.json of these shapes anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

from karst.errors import EntrypointError
from karst.inspection import resolve_entrypoint

SHAPES = Path(__file__).parent / "shapes"


def answer_of(tree: Path) -> dict[str, Any]:
    """The answer by the full order, and by the literal one in few words."""
    literal = _told(tree, "conventional")
    return {
        **_told(tree, "declared"),
        "conventional": literal.get("command", literal.get("refused")),
    }


def _told(tree: Path, detection: Literal["declared", "conventional"]) -> dict[str, Any]:
    try:
        found = resolve_entrypoint(tree, detection=detection)
    except EntrypointError as error:
        return {"refused": error.what, "remedy": error.remedy}
    told: dict[str, Any] = {
        "kind": found.kind,
        "command": list(found.command),
        "workdir": found.workdir,
        "port": found.port,
        "protocol": found.protocol,
        "rule": found.rule,
        "evidence": [f"{e.file}:{e.line} {e.text}" for e in found.evidence],
        "candidates": [c.value for c in found.candidates],
    }
    more = {
        "python_path": found.python_path,
        "folder": found.folder,
        "packages": list(found.packages),
        "env": dict(found.env),
    }
    return {**told, **{name: value for name, value in more.items() if value}}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        text = json.dumps(answer_of(SHAPES / name / "tree"), indent=2)
        (SHAPES / name / "expected.json").write_text(text + "\n")

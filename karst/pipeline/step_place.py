"""Where an error belongs in repos.yaml, so that it is shown on its line there."""

from __future__ import annotations

import re

from karst.config.spec import StackSpec

_SERVICE = re.compile(r"service '([^']{1,100})'|\bservices?\.([a-z0-9-]{1,100})")


def on_its_line(where: str, file: str, spec: StackSpec) -> str:
    """Put `FILE:LINE` before a place that names a service of `spec`.

    A place that has a line already, or names no service, stays as it is.
    """
    if where.startswith(f"{file}:"):
        return where
    found = _SERVICE.search(where)
    name = (found[1] or found[2]) if found else ""
    line = next((s.line for s in spec.services if s.name == name), 0)
    return f"{file}:{line} {where}" if line else where

"""Parsers of somebody else's documents, kept from taking all time, memory or stack."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 1 << 20
_MAX_YAML = 64 * 1024
_MAX_DEPTH = 100
_MAX_MERGED = 1000
_MAX_MERGES = 50
# tomllib's time grows by the square of a key's parts; no author writes as many.
_LONG_KEY = re.compile(
    r"""(?<![\w"'-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""
)


def read_bounded(path: Path) -> str | None:
    """Return a file's text; None where it is missing, huge or no UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        return None if len(raw) > MAX_FILE_BYTES else raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raises TOMLDecodeError, also where it is more than is bearable."""
    if _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError("a key has too many parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError) as error:  # a number of too many digits
        raise tomllib.TOMLDecodeError(str(error)) from None


def parse_yaml(text: str) -> Any:
    """Parse a YAML document; raises ValueError, also where it is more than is bearable."""
    import yaml

    if len(text) > _MAX_YAML:
        raise ValueError("too long")
    loader = _loader()
    try:
        depth = 0
        # Events come without recursion; composing them recurses in C, without a bound.
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                raise ValueError("nested too deeply")
        return yaml.load(text, loader)  # noqa: S506 - a descendant of SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None


@cache
def _loader() -> Any:
    import yaml

    merge = "tag:yaml.org,2002:merge"
    # The one of LibYAML, where it is there, is some forty times as quick.
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Merged mappings (`<<`) are copied, so merges of merges would multiply."""

        def flatten_mapping(self, node: Any) -> None:
            merged = [value for key, value in node.value if key.tag == merge]
            lists = (v.value for v in merged if isinstance(v, yaml.SequenceNode))
            if len(merged) + sum(map(len, lists)) > _MAX_MERGES:
                raise yaml.YAMLError("too many merges")
            super().flatten_mapping(node)
            if merged and len(node.value) > _MAX_MERGED:
                raise yaml.YAMLError("too much is merged")

    return Loader

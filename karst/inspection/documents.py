"""Reads YAML, JSON and TOML documents of a tree; {} for what is no mapping."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from karst.inspection.source import SourceTree

MAX_DOCUMENT = 64 * 1024


def read_yaml(tree: SourceTree, path: str) -> dict[str, Any]:
    """A YAML document of bounded size."""
    text = tree.read(path) or ""
    if not text or len(text) > MAX_DOCUMENT:
        return {}
    import yaml

    try:
        data = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe, and quick where LibYAML is there
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def read_json(tree: SourceTree, path: str) -> dict[str, Any]:
    try:
        data = json.loads(tree.read(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def read_toml(tree: SourceTree, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(tree.read(path) or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}

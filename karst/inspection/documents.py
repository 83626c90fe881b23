"""Reads YAML, JSON and TOML documents of a tree; {} for what is no mapping."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from karst.inspection.bounds import parse_toml, parse_yaml
from karst.inspection.source import SourceTree


def read_yaml(tree: SourceTree, path: str) -> dict[str, Any]:
    """A YAML document of bounded size."""
    try:
        data = parse_yaml(tree.read(path) or "")
    except ValueError:
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
        return parse_toml(tree.read(path) or "")
    except tomllib.TOMLDecodeError:
        return {}

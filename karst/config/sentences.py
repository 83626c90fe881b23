"""A validation error of the schema told as a fault: pydantic's own words stay inside."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from karst.config import schema
from karst.config.document import Path
from karst.config.faults import Fault
from karst.config.scalars import WrittenFloat, WrittenInt
from karst.config.words import REFUSED, TAG_MARK

_MODELS: dict[str | int, type[BaseModel]] = {
    "services": schema.ServiceModel,
    "slugs": schema.ServiceModel,
    "health": schema.HealthModel,
    "build": schema.BuildModel,
    "publish": schema.PublishModel,
    "tls": schema.TlsModel,
    "resources": schema.ResourcesModel,
    "mesh": schema.MeshModel,
    "target": schema.TargetModel,
    "state": schema.StateModel,
}
_KINDS = {list: "a list", dict: "a mapping"}


def suggest(word: object, known: Iterable[str]) -> str:
    """Return `, did you mean 'health'?` for the known word nearest to `word`, or ''."""
    near = difflib.get_close_matches(str(word).lower(), list(known), 1)
    return f", did you mean '{near[0]}'?" if near else ""


def fault_of(error: ErrorDetails) -> Fault:
    """Return what `error` says as a fault at the path that somebody wrote."""
    path = tuple(p for p in error["loc"] if not str(p).startswith(TAG_MARK))
    what, remedy = _TELL.get(error["type"], _unsuitable)(error, path)
    return Fault(path, what, remedy)


def _found(error: ErrorDetails) -> str:
    value = error["input"]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    kind = next((k for t, k in _KINDS.items() if isinstance(value, t)), "")
    return kind or f"'{value}'"


def _wanted(kind: str, remedy: str) -> Callable[[ErrorDetails, Path], tuple[str, str]]:
    def tell(error: ErrorDetails, _path: Path) -> tuple[str, str]:
        return f"{kind} is wanted here, not {_found(error)}", remedy

    return tell


def _no_list(error: ErrorDetails, path: Path) -> tuple[str, str]:
    if path[-1] in ("services", "slugs") and isinstance(error["input"], dict):
        return (  # As Compose has them.
            "a list of entries is wanted here, not a mapping",
            "write each as '- slug: gh:owner/repo' or '- image: nginx:1.27', and its name below as 'name: web'",
        )
    return f"a list is wanted here, not {_found(error)}", "write it as [one, two]"


def _unknown_key(_error: ErrorDetails, path: Path) -> tuple[str, str]:
    parents = [part for part in path[:-1] if isinstance(part, str)]
    model = _MODELS[parents[-1]] if parents else schema.StackModel
    keys = [field.alias or name for name, field in model.model_fields.items()]
    return f"unknown key{suggest(path[-1], keys)}", f"known here: {', '.join(keys)}"


def _missing(_error: ErrorDetails, path: Path) -> tuple[str, str]:
    return f"the key '{path[-1]}' is missing", f"write '{path[-1]}:' here"


def _no_choice(error: ErrorDetails, _path: Path) -> tuple[str, str]:
    expected = str(error.get("ctx", {})["expected"])
    if expected == "True":
        return (
            f"only true can be written here, not {_found(error)}",
            "leave the key out, and write another probe",
        )
    words = expected.replace(" or ", ", ").replace("'", "").split(", ")
    what = f"{_found(error)} is none of {', '.join(words)}"
    return what + suggest(error["input"], words), "write one of these words"


def _empty(error: ErrorDetails, _path: Path) -> tuple[str, str]:
    if isinstance(error["input"], list):
        return "the list is empty", "write at least one entry"
    return "the text is empty", "write a value, or leave the key out"


def _out_of_range(error: ErrorDetails, path: Path) -> tuple[str, str]:
    bounds = {
        "cpus": ("more than 0 and at most 1024", "a number of cores, such as 0.5"),
        "status": ("from 100 to 599", "a status of HTTP, such as 200"),
    }
    bound, example = bounds.get(
        path[-1] if isinstance(path[-1], str) else "",
        ("from 1 to 65535", "a port, such as 8000"),
    )
    return f"{_found(error)} is out of range: {bound}", f"write {example}"


def _refused(error: ErrorDetails, _path: Path) -> tuple[str, str]:
    what, _, remedy = error["msg"].partition("\n")
    return what, remedy


def _unsuitable(error: ErrorDetails, _path: Path) -> tuple[str, str]:
    return f"{_found(error)} does not belong here", "see docs/repos.schema.json"


_TELL: dict[str, Callable[[ErrorDetails, Path], tuple[str, str]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "literal_error": _no_choice,
    "too_short": _empty,
    "string_too_short": _empty,
    "string_type": _wanted("a text", "write a text, in quotes if it looks otherwise"),
    "int_type": _wanted("a whole number", "write it without quotes"),
    "float_type": _wanted("a number", "write it without quotes"),
    "bool_type": _wanted("true or false", "write true or false"),
    "list_type": _no_list,
    "dict_type": _wanted("a mapping", "write it as {NAME: value}"),
    "model_type": _wanted("a mapping", "write it as {key: value}"),
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than_equal": _out_of_range,
    REFUSED: _refused,
}

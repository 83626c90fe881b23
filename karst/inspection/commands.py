"""Candidates from names: a module, a function, a file, a script, as argv."""

from __future__ import annotations

import keyword
import re

from karst.inspection.entrypoint import APP, Candidate, Evidence

_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
DOTTED_NAME = re.compile(_DOTTED, re.ASCII)
_FUNCTION = re.compile(rf"({_DOTTED}):({_DOTTED})", re.ASCII)
# A leading dash or a slash would be read as something else than a script's name.
SCRIPT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)


def is_function_name(text: str) -> bool:
    """Say whether `text` is `module:function`, dots allowed on both sides."""
    names = text.replace(":", ".").split(".")
    return bool(_FUNCTION.fullmatch(text)) and not any(map(keyword.iskeyword, names))


def run_module(
    module: str, rule: str, *evidence: Evidence, python_path: str = ""
) -> Candidate:
    """`python3 -m module`: package files need it, because they import relatively."""
    command = ("python3", "-m", module)
    return Candidate("module", module, command, rule, evidence, python_path, module)


def run_file(path: str, rule: str, *evidence: Evidence) -> Candidate:
    """`python3 path`, the path relative to the work folder."""
    return Candidate("file", path, ("python3", path), rule, evidence, "", path)


def run_script(name: str, rule: str, *evidence: Evidence) -> Candidate:
    """The console script `name`, which installing the project puts on PATH."""
    return Candidate("script", name, (name,), rule, evidence, "", name)


def run_function(
    value: str,
    rule: str,
    *evidence: Evidence,
    python_path: str = "",
    coroutine: bool = False,
) -> Candidate:
    """Call `module:function`; what it returns is the exit code, as for a script.

    `value` must be a function name; nothing else reaches the Python text.
    """
    if not is_function_name(value):
        raise ValueError(f"{value!r} is no module:function")
    module, _, function = value.partition(":")
    first = function.partition(".")[0]
    call = f"asyncio.run({function}())" if coroutine else f"{function}()"
    extra = "asyncio, " if coroutine else ""
    text = f"import {extra}sys; from {module} import {first}; sys.exit({call})"
    return Candidate(
        "function", value, ("python3", "-c", text), rule, evidence, python_path, value
    )


def run_command(
    command: tuple[str, ...], rule: str, *evidence: Evidence, setting: str = ""
) -> Candidate:
    """A command as it is."""
    return Candidate("command", " ".join(command), command, rule, evidence, "", setting)


def use_dockerfile(rule: str, *evidence: Evidence) -> Candidate:
    """The repository's own Dockerfile, whose image starts as it says."""
    return Candidate("dockerfile", "Dockerfile", (), rule, evidence)


def place_of(path: str) -> str:
    """Where the tree's file or folder `path` stands in the image."""
    return f"{APP}/{path}" if path else APP

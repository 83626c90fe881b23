"""Terraform command lines as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from karst.command import Command

VARIABLES = "stack.tfvars.json"
# Another run may hold the lock for a moment; one that died holds it for ever.
LOCK_TIMEOUT = "-lock-timeout=20s"
# What `plan -detailed-exitcode` says of a plan that holds changes.
CHANGES = 2


def environment(cli_config: Path | None, docker_host: str | None) -> dict[str, str]:
    """Variables for every call: no prompts, no colour, no calls home."""
    found = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
    if cli_config:
        found["TF_CLI_CONFIG_FILE"] = str(cli_config)
    if docker_host:
        found["DOCKER_HOST"] = docker_host
    return found


# By what a backend takes its credentials from the environment (Terraform's backend
# pages); no other variable of the caller's reaches Terraform.
_CREDENTIALS = {
    "azurerm": ("ARM_",),
    "consul": ("CONSUL_",),
    "cos": ("TENCENTCLOUD_",),
    "gcs": ("GOOGLE_",),
    "http": ("TF_HTTP_",),
    "kubernetes": ("KUBE_",),
    "oss": ("ALICLOUD_",),
    "pg": ("PG",),
    "remote": ("TF_TOKEN_",),
    "s3": ("AWS_",),
}


def credentials(backend: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables that this backend reads its credentials from."""
    prefixes = _CREDENTIALS.get(backend, ())
    return {k: v for k, v in environ.items() if prefixes and k.startswith(prefixes)}


def init(program: str, folder: Path, env: Mapping[str, str]) -> Command:
    # Never -reconfigure: with a local backend it empties the state (Terraform 1.11).
    argv = (program, "init", "-input=false", "-no-color")
    return Command(argv, cwd=folder, env=env)


def plan(
    program: str,
    folder: Path,
    env: Mapping[str, str],
    out: Path,
    *,
    refresh: bool = True,
) -> Command:
    """Make a plan; its exit code is 0 for one without changes, or CHANGES."""
    argv = [program, "plan", "-input=false", "-no-color", LOCK_TIMEOUT]
    argv.append("-detailed-exitcode")
    argv += [f"-var-file={VARIABLES}", f"-out={out}"]
    if not refresh:
        argv.append("-refresh=false")
    return Command(tuple(argv), cwd=folder, env=env)


def plan_part(
    program: str,
    folder: Path,
    env: Mapping[str, str],
    out: Path,
    only: Sequence[str],
    *,
    refresh: bool = False,
) -> Command:
    """Plan these addresses alone, told as JSON lines."""
    argv = plan(program, folder, env, out, refresh=refresh).argv
    argv += ("-json", *(f"-target={address}" for address in only))
    return Command(argv, cwd=folder, env=env)


def show(
    program: str, folder: Path, env: Mapping[str, str], saved: Path | None = None
) -> Command:
    """Show a saved plan; without one, the state."""
    argv = (program, "show", "-json", "-no-color", *([str(saved)] if saved else []))
    return Command(argv, cwd=folder, env=env)


def apply(program: str, folder: Path, env: Mapping[str, str], saved: Path) -> Command:
    argv = (program, "apply", "-input=false", "-no-color", LOCK_TIMEOUT, str(saved))
    return Command(argv, cwd=folder, env=env)


def destroy(program: str, folder: Path, env: Mapping[str, str]) -> Command:
    argv = [program, "destroy", "-auto-approve", "-input=false", "-no-color"]
    argv += [LOCK_TIMEOUT, f"-var-file={VARIABLES}"]
    return Command(tuple(argv), cwd=folder, env=env)


def pull(program: str, folder: Path, env: Mapping[str, str]) -> Command:
    """Print the state as its backend has it."""
    return Command((program, "state", "pull", "-no-color"), cwd=folder, env=env)


def output(program: str, folder: Path, env: Mapping[str, str]) -> Command:
    argv = (program, "output", "-json", "-no-color")
    return Command(argv, cwd=folder, env=env)

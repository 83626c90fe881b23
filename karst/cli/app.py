"""The commands and their flags. What they do is imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

# Typer reads these annotations at run time: `X | None` in a string works from
# Python 3.11 on, as does `Optional`.
app = typer.Typer(
    name="karst",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="From repos.yaml to running, mutually authenticated, healthy services.",
)

# Whether it can be read is asked where it is read, and told as any other fault of it.
File = Annotated[
    Path,
    typer.Option("--file", "-f", readable=False, help="The list of services."),
]
Json = Annotated[bool, typer.Option("--json", help="Print a document for programs.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every line.")]
Name = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--service", "-s", help="One service instead of all."),
]
Stack = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--stack", help="Another name for the stack."),
]
FILE = Path("repos.yaml")


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print karst's version.")
    ] = False,
) -> None:
    """Exit codes: 0 well, 2 there are changes (plan --detailed-exitcode), 64 a wrong
    command line, 130 interrupted; docs/errors.md lists the others."""
    if version:
        from karst import __version__

        print(f"karst {__version__}")
        raise typer.Exit


@app.command()
def init(
    file: File = FILE,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Write a repos.yaml to begin with. Keeps .karst and secrets out of git."""
    from karst.cli.starting import init_command

    init_command(file, force=force)


@app.command()
def doctor(file: File = FILE, json: Json = False) -> int:
    """Say what is here and what is missing, and what to do about it."""
    from karst.cli.starting import doctor_command

    return doctor_command(file, as_json=json)


@app.command()
def inspect(
    path: Annotated[str, typer.Argument(help="A folder, or a slug file:./path#ref.")],
    json: Json = False,
) -> None:
    """Say how a repository starts, by which rule, and what else fits."""
    from karst.cli.inspecting import inspect_command

    inspect_command(path, as_json=json)


@app.command()
def lock(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Services to move on; none: all.", show_default=False),
    ] = None,
    file: File = FILE,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Pin what the refs mean now.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether it fits; asks nobody.")
    ] = False,
    json: Json = False,
    stack: Stack = None,
    verbose: Verbose = False,
) -> None:
    """Write repos.lock: commit, tree and base image of every service."""
    from karst.cli.locking import lock_command

    lock_command(
        file,
        names=names or [],
        upgrade=upgrade,
        check=check,
        as_json=json,
        stack=stack,
        verbose=verbose,
    )


@app.command()
def plan(
    file: File = FILE,
    json: Json = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit 2 where there are changes."),
    ] = False,
    stack: Stack = None,
    verbose: Verbose = False,
) -> int:
    """Say what would change. Builds nothing and runs nothing that was fetched."""
    from karst.cli.deploying import plan_command

    return plan_command(
        file, as_json=json, detailed=detailed_exitcode, stack=stack, verbose=verbose
    )


@app.command()
def apply(
    file: File = FILE, json: Json = False, stack: Stack = None, verbose: Verbose = False
) -> int:
    """Plan, and apply exactly that plan."""
    from karst.cli.deploying import apply_command

    return apply_command(file, as_json=json, stack=stack, verbose=verbose)


@app.command()
def deploy(
    file: File = FILE, json: Json = False, stack: Stack = None, verbose: Verbose = False
) -> int:
    """Apply, then report every service's health. Fails if one is not healthy."""
    from karst.cli.deploying import deploy_command

    return deploy_command(file, as_json=json, stack=stack, verbose=verbose)


@app.command()
def destroy(
    file: File = FILE,
    volumes: Annotated[
        bool, typer.Option(help="Remove the services' data too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
    stack: Stack = None,
    verbose: Verbose = False,
) -> int:
    """Remove everything of the stack; data volumes only where asked."""
    from karst.cli.deploying import destroy_command

    return destroy_command(
        file, volumes=volumes, yes=yes, as_json=json, stack=stack, verbose=verbose
    )


@app.command()
def e2e(
    file: File = FILE,
    timeout: Annotated[
        str, typer.Option("--timeout", help="How long all of it may take.")
    ] = "30m",
    junit: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--junit", help="Write a JUnit report there."),
    ] = None,
    json: Json = False,
    stack: Stack = None,
    verbose: Verbose = False,
) -> int:
    """Deploy all as a throw-away stack, prove it, and remove it."""
    from karst.cli.proving import e2e_command

    return e2e_command(
        file,
        timeout=timeout,
        junit=junit,
        as_json=json,
        stack=stack,
        verbose=verbose,
    )


@app.command()
def drift(
    file: File = FILE,
    json: Json = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit 2 where something differs."),
    ] = False,
    stack: Stack = None,
    verbose: Verbose = False,
) -> int:
    """Say what is not as the last apply left it. Fetches and changes nothing."""
    from karst.cli.proving import drift_command

    return drift_command(
        file, as_json=json, detailed=detailed_exitcode, stack=stack, verbose=verbose
    )


@app.command()
def health(
    file: File = FILE,
    service: Name = None,
    edges: Annotated[
        bool, typer.Option("--edges", help="Ask who may call whom, too.")
    ] = False,
    json: Json = False,
    stack: Stack = None,
) -> int:
    """Ask every service over mTLS, from a container of its own."""
    from karst.cli.watching import health_command

    return health_command(file, service=service, edges=edges, as_json=json, stack=stack)


@app.command()
def logs(
    file: File = FILE,
    service: Name = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on as they come.")
    ] = False,
    tail: Annotated[
        int, typer.Option("--tail", "-n", min=0, help="Last lines of each.")
    ] = 100,
    sidecar: Annotated[bool, typer.Option(help="The sidecars' own lines.")] = False,
    json: Json = False,
    stack: Stack = None,
) -> None:
    """Print the services' log lines."""
    from karst.cli.watching import logs_command

    logs_command(
        file,
        service=service,
        follow=follow,
        tail=tail,
        sidecar=sidecar,
        as_json=json,
        stack=stack,
    )


@app.command()
def stats(
    file: File = FILE,
    service: Name = None,
    filter: Annotated[str, typer.Option("--filter", help="Part of a name.")] = "",
    json: Json = False,
    stack: Stack = None,
) -> None:
    """Print Envoy's statistics of one service or of all, over mTLS."""
    from karst.cli.watching import stats_command

    stats_command(file, service=service, text=filter, as_json=json, stack=stack)


@app.command()
def ps(file: File = FILE, json: Json = False, stack: Stack = None) -> None:
    """List the stack's containers."""
    from karst.cli.watching import ps_command

    ps_command(file, as_json=json, stack=stack)


@app.command()
def step() -> int:
    """Be a pipeline's step: read its event and inputs, and follow them."""
    from karst.cli.step import step_command

    return step_command()

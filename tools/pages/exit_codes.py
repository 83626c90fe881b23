"""The table of exit codes, from the error tree itself."""

from __future__ import annotations

from collections.abc import Iterator

from karst import errors
from pages.blocks import table

# What each class stands for, and what mostly helps. A class without a line here fails.
_MEANING: dict[str, tuple[str, str]] = {
    "ConfigError": (
        "repos.yaml or a setting is wrong, or the stack is not deployed",
        "correct the place that the message names",
    ),
    "SlugError": (
        "a slug that can't be read",
        "write `gh:owner/repo`, `gl:`, `bb:` or `file:./path`",
    ),
    "FetchError": (
        "a repository or folder that can't be had",
        "check slug, ref and token; the message says which variable holds it",
    ),
    "EntrypointError": (
        "nothing to start was found, or too much",
        "`karst inspect PATH` shows what was seen; write `entrypoint:`",
    ),
    "BuildError": (
        "an image does not build",
        "read the builder's last lines below the message",
    ),
    "ImageUserError": (
        "an image whose user the mesh can't allow: root, or the sidecar's own uid",
        "write `user:` under the service",
    ),
    "EngineError": (
        "the Docker engine does not answer, or refuses",
        "start it, or name another with `DOCKER_HOST`; `karst doctor` looks",
    ),
    "NetworkClashError": (
        "the subnet, the network's name or a host port is taken",
        "choose a free one; the message and `karst doctor` name some",
    ),
    "TerraformError": (
        "Terraform failed in a way that has no code of its own",
        "read its words below the message",
    ),
    "ProviderMissingError": (
        "the Docker provider can't be had",
        "`make bootstrap`, or let the machine reach a provider registry or mirror",
    ),
    "StateLockedError": (
        "another run works on the stack, or holds its state's lock, for longer than the 20 s that karst waits",
        "wait; if that run died, the message has the `force-unlock` line",
    ),
    "StalePlanError": (
        "what would be applied is not what was planned",
        "plan again",
    ),
    "SecretMissingError": (
        "a name in `secrets:` has no value",
        "set the variable in the environment, or in `.env` on a terminal",
    ),
    "CertificateError": (
        "a certificate authority or certificate can't be used, or is another one",
        "docs/operations.md, certificates",
    ),
    "UnhealthyError": (
        "deployed, but a service is not healthy",
        "read the report; the former release runs on where there was one",
    ),
    "DiskFullError": (
        "no room left on this machine or on the engine",
        "make room and run the same command again",
    ),
    "ToolMissingError": (
        "a program that karst needs is not there",
        "`make bootstrap`, or install the one that is named",
    ),
    "LockError": (
        "repos.lock can't be read, or what it names is not to be had any more",
        "correct or remove it; `karst lock` writes it anew",
    ),
    "LockStaleError": (
        "`karst lock --check`: repos.lock does not answer for repos.yaml",
        "run `karst lock` and commit what it writes",
    ),
    "PublishError": (
        "the forge refuses a comment, or does not tell of requests; a plan that is good stays good",
        "the message names the permission or the limit",
    ),
    "UnreviewedError": (
        "an apply would change what no valid receipt of a merged request says; nothing was changed",
        "docs/receipts.md; plan it on a request, or set `on-unreviewed: apply`",
    ),
    "UsageError": (
        "the command line itself is wrong",
        "`karst COMMAND --help`",
    ),
}
_OTHERS = (
    (0, "", "well", ""),
    (
        1,
        "",
        "a fault of karst's own; or `destroy` was answered with no (as Terraform's)",
        "a fault: report it with the text that was printed",
    ),
    (2, "", "`plan --detailed-exitcode`: there are changes (as Terraform's)", ""),
    (130, "", "interrupted by ^C or SIGTERM", "run the same command again"),
)


def render_exit_codes(_subject: str) -> str:
    """Every exit code with its class, meaning and remedy; raises KeyError for a gap."""
    rows = [(code, *rest) for code, *rest in _OTHERS]
    for kind in _classes(errors.KarstError):
        if kind.__module__ != errors.__name__:  # a room's own, with its parent's code
            continue
        rows.append((kind.exit_code, f"`{kind.__name__}`", *_MEANING[kind.__name__]))
    rows.sort()
    return table(
        ("code", "class", "what it means", "what mostly helps"),
        [tuple(map(str, row)) for row in rows],
    )


def _classes(kind: type[errors.KarstError]) -> Iterator[type[errors.KarstError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _classes(below)

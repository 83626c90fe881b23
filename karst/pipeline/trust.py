"""What a request's own repos.yaml may not decide: where it acts, and with whose keys.

The file is somebody else's text until it is merged. Where the plan reads from (target
and state) comes from the base branch, the plan says what the request would change of
it, and nothing leads out of the workspace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from karst.config.addresses import hide_password
from karst.config.spec import ServiceSpec, StackSpec
from karst.errors import ConfigError
from karst.report.model import Alert
from karst.secret import Secret
from karst.terraform.arguments import credentials

_LETS_IN = re.compile(r"PASS|SECRET|TOKEN|KEY|CONN_STR|CREDENTIALS|SAS")
# Shorter ones may be anybody's, such as a region or "true".
_SHORTEST = 12
_AT_HAND = "the engine at hand"


@dataclass(frozen=True)
class Trusted:
    """A request's stack with the base branch's target and state.

    `alerts` say what the request would change of these.
    """

    spec: StackSpec
    alerts: tuple[Alert, ...] = ()


def trust(request: StackSpec, base: StackSpec | None) -> Trusted:
    """Take target and state from the base branch's repos.yaml.

    `base` None is a branch that has none: then the plan is made for the engine at
    hand, without state.
    """
    known = base or StackSpec(request.name, ())
    spec = replace(request, target=known.target, state=known.state)
    return Trusted(spec, tuple(_alerts(request, known, is_new=base is None)))


def _alerts(request: StackSpec, base: StackSpec, *, is_new: bool) -> Iterator[Alert]:
    if request.target != base.target:
        before = _engine(base)
        text = f"the engine that this deploys to changes from {before}, by which it is planned here, to"
        yield Alert("security", (), text, (_engine(request),))
    if request.state != base.state:
        text = "where the state is kept changes (this plan is made with the base branch's), to backend"
        yield Alert("security", (), text, (request.state.backend,))
    if not is_new and request.name != base.name:
        text = "the stack is renamed: what runs under the former name stays as it is, and is called"
        yield Alert("security", (), text, (base.name,))
    if base.mesh.default == "deny" and request.mesh.default == "allow" and not is_new:
        yield Alert("security", (), "services without `calls` may newly call everybody")


def _engine(spec: StackSpec) -> str:
    host = spec.target.docker_host
    return hide_password(host) if host else _AT_HAND


def refuse_leaving(spec: StackSpec, file: Path, workspace: Path) -> None:
    """Raise ConfigError where repos.yaml, or what it names, is outside of the workspace.

    A pipeline's other folders hold tokens, and messages quote the files they are about.
    """
    refuse_outside(file, workspace, where=file.name)
    for service in spec.services:
        bundle = service.build.ca_bundle
        if bundle:
            where = (
                f"{file.name}:{service.line} services.{service.name}.build.ca_bundle"
            )
            refuse_outside(file.parent / bundle, workspace, where=where)


def refuse_outside(path: Path, workspace: Path, *, where: str) -> None:
    """Raise ConfigError where `path`, links followed, is not a workspace's own file."""
    root = workspace.resolve()
    real = path.resolve()
    inside = real.is_relative_to(root) and real != root
    # The checkout's token stands in .git/config.
    if not inside or ".git" in real.relative_to(root).parts:
        raise ConfigError(
            "the file is outside of the workspace, or in its .git",
            where=where,
            remedy="keep it in the repository; links that lead out of it are not followed",
        )


def refuse_state_credentials(spec: StackSpec) -> None:
    """Raise ConfigError for a secret that is the credential of the stack's own state."""
    for service in spec.services:
        for name in _secret_names(service):
            if credentials(spec.state.backend, {name: ""}):
                raise ConfigError(
                    f"'{name}' is what the state's backend '{spec.state.backend}' is reached by, never a service's secret",
                    where=f"repos.yaml:{service.line} services.{service.name}",
                    remedy="give the service a secret of its own, under another name",
                )


def refuse_own_credentials(
    spec: StackSpec, environ: Mapping[str, str], own: Iterable[Secret]
) -> None:
    """Raise ConfigError for a secret whose value lets in the step itself.

    A GitLab project gives its variables what names it likes, so names don't tell.
    """
    known = {line for each in own for line in _lines(each.reveal())}
    for service in spec.services:
        for name in _secret_names(service):
            if known & _lines(environ.get(name, "")):
                raise ConfigError(
                    f"'{name}' holds what lets in the step itself, never a service's secret",
                    where=f"repos.yaml:{service.line} services.{service.name}",
                    remedy="give the service a secret of its own",
                )


def _lines(text: str) -> set[str]:
    """Every line that is a credential or a part of one: several keys may be given."""
    lines = (line.strip() for line in text.splitlines())
    return {n for n in lines if len(n) >= _SHORTEST and "-----" not in n}


def state_secrets(spec: StackSpec, environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """What the state's backend is let in by: Terraform's own words may quote it."""
    found = credentials(spec.state.backend, environ)
    return tuple(Secret(v) for name, v in found.items() if _LETS_IN.search(name))


def backend_secrets(config: Mapping[str, Secret]) -> tuple[Secret, ...]:
    """Of the settings of a backend, those that let in."""
    return tuple(v for name, v in config.items() if _LETS_IN.search(name.upper()))


def _secret_names(service: ServiceSpec) -> Iterator[str]:
    yield from service.secrets
    yield from service.build.secrets
    if service.publish and service.publish.tls == "secrets":
        yield service.publish.certificate
        yield service.publish.key

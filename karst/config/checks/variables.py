"""Variables and secrets: what a service may be given, and what stays the step's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from karst.config.checks.written import WrittenService
from karst.config.document import Path
from karst.config.faults import Fault
from karst.config.schema import BuildModel, PublishModel, TlsModel

# Shells write names without '.' and '-', but some images are configured by such names.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_STEP_PREFIXES = (
    *("INPUT_", "GITHUB_", "ACTIONS_", "RUNNER_", "CI_"),
    *("TF_", "KARST_", "DOCKER_", "SSH_"),
)
_STEP_NAMES = ("CI", "GH_TOKEN", "GITLAB_TOKEN", "BITBUCKET_TOKEN")


def is_step_variable(name: str) -> bool:
    """Say whether `name` belongs to the step itself: its inputs, tokens and keys."""
    return name.upper().startswith(_STEP_PREFIXES) or name.upper() in _STEP_NAMES


def check_variables(service: WrittenService) -> Iterator[Fault]:
    model = service.model
    for name in model.env:
        if not _VARIABLE.fullmatch(name):
            yield service.fault(
                f"'{name}' is no name of a variable",
                "use letters, digits and '_', and begin with a letter",
                "env",
                name,
            )
        elif name == "PORT":
            yield service.fault(
                "PORT is set by karst, to the service's port",
                "remove it here, and write 'port:'",
                "env",
                name,
            )
        elif name.startswith("KARST_"):
            yield service.fault(
                "variables that begin with KARST_ are karst's own",
                "give it another name",
                "env",
                name,
            )
        elif name in model.secrets:
            yield service.fault(
                f"'{name}' is also one of the service's secrets",
                "keep it in 'env' or in 'secrets'",
                "env",
                name,
            )
    for name, path in _secret_names(service):
        yield from _check_secret(service, name, path)


def _secret_names(service: WrittenService) -> Iterator[tuple[str, Path]]:
    model = service.model
    for i, name in enumerate(model.secrets):
        yield name, ("secrets", i)
    if isinstance(model.build, BuildModel):
        for i, name in enumerate(model.build.secrets):
            yield name, ("build", "secrets", i)
    if isinstance(model.publish, PublishModel) and isinstance(
        model.publish.tls, TlsModel
    ):
        yield model.publish.tls.certificate, ("publish", "tls", "certificate")
        yield model.publish.tls.key, ("publish", "tls", "key")


def _check_secret(service: WrittenService, name: str, path: Path) -> Iterator[Fault]:
    if not _SECRET.fullmatch(name):
        yield service.fault(
            f"'{name}' is no name of a secret",
            "name the variable of the step's environment that holds it",
            *path,
        )
    elif name == "PORT":
        yield service.fault(
            "PORT is set by karst, to the service's port",
            "remove it here, and write 'port:'",
            *path,
        )
    elif is_step_variable(name):
        yield service.fault(
            f"'{name}' is the step's own variable, never a service's secret",
            "give the service a secret of its own, under another name",
            *path,
        )

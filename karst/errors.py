"""Every way KarstKit can fail on purpose, each with its own exit code.

    KarstError
    ├── UsageError 64            the command line itself
    ├── ConfigError 10           repos.yaml or a setting
    │   └── SlugError 11         a slug that cannot be read
    ├── FetchError 12            a repository or folder that cannot be had
    ├── EntrypointError 13       nothing (or too much) to start
    ├── BuildError 14            an image that does not build
    ├── ImageUserError 15        an image whose user the mesh cannot allow
    ├── EngineError 16           the Docker engine does not answer or refuses
    │   └── NetworkClashError 17 the subnet or a host port is taken
    ├── TerraformError 18        Terraform failed
    │   ├── ProviderMissingError 19
    │   ├── StateLockedError 20
    │   └── StalePlanError 21    what would be applied is not what was planned
    ├── SecretMissingError 22    a name in `secrets:` with no value
    ├── CertificateError 23      a certificate authority or a certificate
    ├── UnhealthyError 24        deployed, but not healthy
    ├── DiskFullError 25         no room left
    ├── ToolMissingError 26      a program that KarstKit needs is not there
    ├── LockError 27             repos.lock can't be read, or is not what was locked
    │   └── LockStaleError 28    `lock --check`: it does not answer for repos.yaml
    ├── PublishError 29          the forge refuses a comment, or to tell of requests
    └── UnreviewedError 30       an apply of what no reviewed receipt says

Code 1 is left to the unexpected and to a `destroy` that was declined (as Terraform's), 2
to `plan --detailed-exitcode` (as Terraform's: "there are changes"), 130 to an interrupt.
"""

from __future__ import annotations

from typing import ClassVar


class KarstError(Exception):
    """A failure that can be told in a sentence.

    Attributes:
        what: what is wrong, one sentence without a full stop at its end.
        where: the place (`repos.yaml:12 services[2].port`, a path, a URL) or "".
        remedy: what the reader can do about it, one sentence, or "".
        detail: program output worth showing below the sentence, or "".
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", detail: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        lines = [head]
        if self.remedy:
            lines.append(f"  -> {self.remedy}")
        if self.detail:
            lines.extend("  | " + line for line in self.detail.rstrip().splitlines())
        return "\n".join(lines)


class UsageError(KarstError):
    exit_code = 64


class ConfigError(KarstError):
    exit_code = 10


class SlugError(ConfigError):
    exit_code = 11


class FetchError(KarstError):
    exit_code = 12


class EntrypointError(KarstError):
    exit_code = 13


class BuildError(KarstError):
    exit_code = 14


class ImageUserError(KarstError):
    exit_code = 15


class EngineError(KarstError):
    exit_code = 16


class NetworkClashError(EngineError):
    exit_code = 17


class TerraformError(KarstError):
    exit_code = 18


class ProviderMissingError(TerraformError):
    exit_code = 19


class StateLockedError(TerraformError):
    exit_code = 20


class StalePlanError(TerraformError):
    exit_code = 21


class SecretMissingError(KarstError):
    exit_code = 22


class CertificateError(KarstError):
    exit_code = 23


class UnhealthyError(KarstError):
    exit_code = 24


class DiskFullError(KarstError):
    exit_code = 25


class ToolMissingError(KarstError):
    exit_code = 26


class LockError(KarstError):
    exit_code = 27


class LockStaleError(LockError):
    exit_code = 28


class PublishError(KarstError):
    exit_code = 29


class UnreviewedError(KarstError):
    exit_code = 30

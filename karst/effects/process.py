"""The one door to child processes: argv in, streamed lines and an outcome out."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from karst.command import Command, Outcome
from karst.effects.signals import shielded
from karst.effects.streams import LINGER_SECONDS, MOST_OUTPUT, Streams
from karst.errors import ConfigError, ToolMissingError

# What a child may know of the caller's environment. A pipeline step's own variables
# (INPUT_*, GITHUB_*, CI_*, TF_*, tokens) are left out by not being named here.
_ALLOWED = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TMPDIR|XDG_\w+|SSH_AUTH_SOCK"
    r"|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE"
    r"|(?:HTTP|HTTPS|FTP|ALL|NO)_PROXY|(?:http|https|ftp|all|no)_proxy"
    r"|DOCKER_HOST|DOCKER_CERT_PATH|DOCKER_TLS_VERIFY|DOCKER_CONFIG"
    r"|TF_CLI_CONFIG_FILE"
)

_REMEDIES = {
    "docker": "install Docker's command line (Debian and Ubuntu: apt-get install docker.io)",
    "git": "install git (Debian and Ubuntu: apt-get install git)",
    "ssh": "install OpenSSH's client (Debian and Ubuntu: apt-get install openssh-client)",
    "terraform": "install Terraform or OpenTofu, or run `make bootstrap`",
    "tofu": "install Terraform or OpenTofu, or run `make bootstrap`",
}

# How long a child may take to end by itself once asked: Terraform needs the time to
# write its state.
GRACE_SECONDS = 10.0
_TICK_SECONDS = 0.1
_TOO_MUCH = f"karst: ended after it printed more than {MOST_OUTPUT >> 20} MiB\n"


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of `environ` that every child may see."""
    return {k: v for k, v in environ.items() if _ALLOWED.fullmatch(k)}


@dataclass(frozen=True)
class Processes:
    """Runs commands with an allow-list of the caller's environment.

    Attributes:
        environ: the caller's environment, whole; children see what is allowed.
        grace: seconds between asking a child to end and killing its process group.
    """

    environ: Mapping[str, str] = field(repr=False)
    grace: float = GRACE_SECONDS

    def find_program(self, name: str) -> Path:
        """Return the path of `name` on the caller's PATH; raises ToolMissingError."""
        found = shutil.which(name, path=self.environ.get("PATH", os.defpath))
        if found is None:
            raise ToolMissingError(
                f"the program '{name}' is not there",
                remedy=_REMEDIES.get(Path(name).name, f"install '{name}'"),
            )
        return Path(found)

    def find_programs(self, name: str) -> tuple[Path, ...]:
        """Return every `name` on the caller's PATH, in its order, real paths once."""
        found: dict[Path, Path] = {}
        for folder in self.environ.get("PATH", os.defpath).split(os.pathsep):
            hit = shutil.which(name, path=folder) if folder else None
            if hit is not None:
                found.setdefault(Path(hit).resolve(), Path(hit))
        return tuple(found.values())

    def run(
        self,
        command: Command,
        *,
        on_line: Callable[[str], None] | None = None,
        input: str | None = None,
        cancel: threading.Event | None = None,
    ) -> Outcome:
        """Run `command` to its end and return what it left.

        Args:
            on_line: called with each line of output (both streams, no newline,
                secrets redacted), one call at a time, from another thread; a line
                beyond 65,536 characters comes in parts.
            input: text for the child's standard input; None gives it an empty one.
            cancel: when set by another thread, the child is ended.

        A child that outlives `command.timeout`, or prints more than MOST_OUTPUT to
        either stream, is ended with its whole process group:
        the outcome's code is then negative and the last line of `stderr` says so.
        The same happens when the caller is interrupted, which is then raised again.

        Raises ToolMissingError where the program can't be started and ConfigError
        where `command.cwd` is no folder.
        """
        started = time.monotonic()
        process, streams, note = None, None, ""
        try:
            # Interrupted on its way to a name here, it would run on with nobody to end it.
            with shielded():
                process = self._start(command, with_input=input is not None)
                pipes = (process.stdin, process.stdout, process.stderr)
                streams = Streams(pipes, command.secrets, on_line, input)
            note = self._wait(process, streams, command.timeout, cancel)
        except BaseException as error:
            if process:
                asked = isinstance(error, KeyboardInterrupt)
                self._end(process, signal.SIGINT if asked else signal.SIGTERM)
            raise
        finally:
            if streams:
                streams.close()
        stdout, stderr = streams.texts()
        # What ended by itself while the rest was left unread is no whole answer, either.
        code = -signal.SIGTERM if streams.too_much else process.returncode
        return Outcome(
            command=command,
            code=code,
            stdout=stdout,
            stderr=stderr + (_TOO_MUCH if streams.too_much else note),
            seconds=time.monotonic() - started,
        )

    def _start(self, command: Command, *, with_input: bool) -> subprocess.Popen[str]:
        if command.cwd is not None and not command.cwd.is_dir():
            raise ConfigError("there is no such folder", where=str(command.cwd))
        program = self.find_program(command.argv[0])
        try:
            return subprocess.Popen(
                [str(program), *command.argv[1:]],
                cwd=command.cwd,
                env={**child_environment(self.environ), **command.env},
                stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ToolMissingError(
                f"the program '{command.argv[0]}' can't be started: {error.strerror}",
                where=str(program),
                remedy="check that the file is a program for this machine",
            ) from error

    def _wait(
        self,
        process: subprocess.Popen[str],
        streams: Streams,
        timeout: float | None,
        cancel: threading.Event | None,
    ) -> str:
        """Wait for the child and its output; return the note for stderr, or ""."""
        deadline = None if timeout is None else time.monotonic() + timeout
        gone_since: float | None = None
        while not (streams.done(_TICK_SECONDS) and _gone(process, _TICK_SECONDS)):
            now = time.monotonic()
            if streams.fault is not None:
                raise streams.fault
            if streams.too_much:
                self._end(process, signal.SIGTERM)
                return ""
            if process.poll() is not None:
                # A grandchild may hold the pipes open for ever.
                gone_since = gone_since or now
                if now - gone_since > LINGER_SECONDS:
                    _signal_group(process, signal.SIGKILL)
                    while streams.behind() and not (cancel and cancel.is_set()):
                        streams.done(_TICK_SECONDS)
                    break
            elif cancel is not None and cancel.is_set():
                self._end(process, signal.SIGTERM)
                return "karst: ended because another step failed\n"
            elif deadline is not None and now > deadline:
                self._end(process, signal.SIGTERM)
                return f"karst: ended after {timeout:g} s\n"
        if streams.fault is not None:
            raise streams.fault
        return ""

    def _end(self, process: subprocess.Popen[str], first: signal.Signals) -> None:
        if process.poll() is None:
            _signal_group(process, first)
            # A second interrupt means: at once.
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(self.grace)
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _gone(process: subprocess.Popen[str], seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

"""A stack's Terraform working directory: init, plan, apply of exactly that plan."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from karst.command import Command, Outcome
from karst.config.spec import StateSpec
from karst.effects.process import Processes
from karst.effects.workspace import atomic_write, locked, private_directory
from karst.errors import StalePlanError, StateLockedError
from karst.terraform import arguments, faults
from karst.terraform.plan import (
    PartPlan,
    Plan,
    parse_containers,
    parse_network,
    parse_part,
    parse_plan,
    plan_of_nothing,
)
from karst.terraform.stack import (
    Applied,
    NetworkVariables,
    Stack,
    digest,
    parse_outputs,
    render_variables,
)
from karst.terraform.state_file import Progress, StateFile, StateKeeper

# As long as Terraform waits for the state's own lock.
_PATIENCE = 20.0
_WAITING = "waiting for another karst on this stack"
# Terraform's own local state; the second is karst's to carry to the target and back.
FILE_BACKENDS = ("local", "target")
_RECORD = "terraform_data.applied"


@dataclass(frozen=True)
class Session:
    """Where and with what Terraform runs for one stack.

    Attributes:
        folder: `.karst/<stack>`, 0700: module, variables, plans and local state.
        module: the folder that holds the root module's `*.tf`.
        cli_config: Terraform's CLI configuration with a provider mirror, or None.
        keeper: where the state is kept for `backend: target`.
    """

    processes: Processes
    program: str
    folder: Path
    module: Path
    state: StateSpec
    cli_config: Path | None
    docker_host: str | None
    keeper: StateKeeper | None = None

    @property
    def _env(self) -> dict[str, str]:
        return {
            **arguments.environment(self.cli_config, self.docker_host),
            **arguments.credentials(self.state.backend, self.processes.environ),
        }

    @contextmanager
    def alone(self, tell: Progress | None = None) -> Iterator[None]:
        """Have the folder to oneself: two runs in it would apply each other's plans.

        `tell` hears of a wait for another run. Raises StateLockedError where that one
        keeps the folder for longer than 20 s.
        """
        waiting = partial(tell, _WAITING) if tell else None
        with locked(self._lock, seconds=_PATIENCE, waiting=waiting) as ours:
            if not ours:
                raise StateLockedError(
                    "another karst works on this stack",
                    where=str(self.folder),
                    remedy="wait for it to end, and run the same command again",
                )
            with self._state.alone(tell) if self._state else nullcontext():
                yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the folder prepared for a look at the state, also beside another run.

        That one has prepared it, and is left alone: while Terraform applies it has the
        state's file open, and would write into one whose place another has taken.
        """
        ready = self._stamp.exists()
        with locked(self._lock, seconds=0.0 if ready else _PATIENCE) as ours:
            if ours:
                self.prepare()
            yield

    @property
    def _lock(self) -> Path:
        private_directory(self.folder.parent)
        return self.folder.with_name(f"{self.folder.name}.lock")

    @property
    def _stamp(self) -> Path:
        return self.folder / ".prepared"

    def prepare(self) -> None:
        """Have the module and its provider in place; quick where they are."""
        private_directory(self.folder)
        if self._state:
            self._state.prepare()
        sources = {f.name: f.read_text() for f in sorted(self.module.glob("*.tf"))}
        sources["backend.tf.json"] = self._backend()
        stamp = self._stamp
        mark = digest([sources, self.program, str(self.cli_config)], 64)
        initialised = (self.folder / ".terraform").is_dir()
        if initialised and stamp.exists() and stamp.read_text() == mark:
            return
        # From here to the end of a good init the folder is not prepared.
        stamp.unlink(missing_ok=True)
        for stale in self.folder.glob("*.tf"):
            stale.unlink()
        for name, text in sources.items():
            atomic_write(self.folder / name, text, mode=0o600)
        (self.folder / ".terraform.lock.hcl").unlink(missing_ok=True)
        self._run(
            arguments.init(self.program, self.folder, self._env), "terraform init"
        )
        atomic_write(stamp, mark, mode=0o600)

    def applied(self) -> Applied:
        """What the state says is there."""
        command = arguments.output(self.program, self.folder, self._env)
        outcome = self._run(command, "reading the state")
        return parse_outputs(json.loads(outcome.stdout or "{}"))

    def serial(self) -> int | None:
        """The state's number, which every change of it raises; None without a state."""
        command = arguments.pull(self.program, self.folder, self._env)
        text = self._run(command, "reading the state").stdout.strip()
        serial = json.loads(text).get("serial") if text else None
        return serial if isinstance(serial, int) else None

    def containers(self) -> frozenset[str]:
        """Names of the containers that the state has."""
        command = arguments.show(self.program, self.folder, self._env)
        return parse_containers(self._run(command, "reading the state").stdout)

    def network(self) -> NetworkVariables | None:
        """The mesh's network, as the state has it."""
        command = arguments.show(self.program, self.folder, self._env)
        return parse_network(self._run(command, "reading the state").stdout)

    def plan(self, stack: Stack, applied: Applied, *, refresh: bool = True) -> Plan:
        """Make and save a plan for `stack`."""
        saved = self._ready(stack)
        command = arguments.plan(
            self.program, self.folder, self._env, saved, refresh=refresh
        )
        outcome = self._run(command, "terraform plan", well=(0, arguments.CHANGES))
        saved.chmod(0o600)
        if outcome.code != arguments.CHANGES:
            # Showing it starts the provider once more, to say that there is nothing.
            return plan_of_nothing(stack=stack, path=saved, applied_edges=applied.edges)
        shown = self._run(
            arguments.show(self.program, self.folder, self._env, saved),
            "reading the plan",
        )
        return parse_plan(
            shown.stdout, stack=stack, path=saved, applied_edges=applied.edges
        )

    def plan_part(
        self, stack: Stack, only: Sequence[str] = (), *, refresh: bool = False
    ) -> PartPlan:
        """Make and save a plan for `stack` of these addresses alone; () is all.

        It goes by the state as it is, unless `refresh` asks the engine first.
        """
        saved = self._ready(stack)
        command = arguments.plan_part(
            self.program, self.folder, self._env, saved, only, refresh=refresh
        )
        told = self._run(command, "terraform plan", well=(0, arguments.CHANGES))
        saved.chmod(0o600)
        return parse_part(told.stdout, path=saved)

    def _ready(self, stack: Stack) -> Path:
        """Write the variables; returns where the plan is saved."""
        text = render_variables(stack)
        atomic_write(self.folder / arguments.VARIABLES, text, mode=0o600)
        return self.folder / "stack.tfplan"

    def apply(self, saved: Path, progress: Progress | None = None) -> None:
        """Apply exactly the plan saved there."""
        command = arguments.apply(self.program, self.folder, self._env, saved)
        self._changing(command, "terraform apply", progress)

    def record(self, stack: Stack, commit: str) -> None:
        """Write down that `stack`, which is applied, is what `commit` wants.

        Nothing else is touched; where the state says so already, nothing at all.
        """
        if stack.commit == commit:
            return
        part = self.plan_part(replace(stack, commit=commit), [_RECORD])
        if foreign := set(part.changes) - {f"{_RECORD}[0]"}:
            raise StalePlanError(
                f"the commit is not written down: {min(foreign)} would change with it",
                where=str(self.folder),
                remedy="run the same command again",
            )
        self.apply(part.path)

    def destroy(self, stack: Stack, progress: Progress | None = None) -> None:
        """Remove everything that the state names."""
        self._ready(stack)
        command = arguments.destroy(self.program, self.folder, self._env)
        self._changing(command, "terraform destroy", progress)

    @property
    def _state(self) -> StateFile | None:
        """The state's file, where it is one: other backends keep their own."""
        if self.state.backend not in FILE_BACKENDS:
            return None
        path = self.folder / self.state.config.get("path", "stack.tfstate")
        return StateFile(path, self.keeper)

    def _changing(
        self, command: Command, doing: str, progress: Progress | None
    ) -> None:
        def change() -> None:
            self._run(command, doing, progress)

        if self._state:
            self._state.during(change)
        else:
            change()

    def forget(self) -> None:
        """Remove the working directory after a destroy, with its empty local state."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _backend(self) -> str:
        config, backend = dict(self.state.config), self.state.backend
        if backend in FILE_BACKENDS:
            # Relative: a folder that moves keeps its backend, and so its state.
            config.setdefault("path", "stack.tfstate")
            backend = "local"
        return json.dumps({"terraform": {"backend": {backend: config}}})

    def _run(
        self,
        command: Command,
        doing: str,
        progress: Progress | None = None,
        *,
        well: tuple[int, ...] = (0,),
    ) -> Outcome:
        outcome = self.processes.run(command, on_line=progress)
        if outcome.code not in well:
            raise faults.explain(outcome, doing=doing, where=str(self.folder))
        return outcome

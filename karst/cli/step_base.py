"""The base branch's files, and the request's own place, asked of the forge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from karst.cli.fault import TooLateError
from karst.config.inputs import Inputs
from karst.config.parse import parse_stack
from karst.config.settings import Settings
from karst.config.spec import StackSpec
from karst.context.run_context import RunContext
from karst.effects.process import Processes
from karst.errors import KarstError, PublishError
from karst.fetch.git_file import read_committed
from karst.fetch.lock import RepoLock
from karst.fetch.lock_file import lock_path
from karst.fetch.lock_text import parse_lock
from karst.forges.publishing import Publisher
from karst.pipeline.step_review import Request
from karst.pipeline.step_task import Task

# The text of a file at a commit, None where there is none.
Read = Callable[[str, str], str | None]
# A branch's repos.yaml, None where it has none, and its repos.lock.
Base = tuple[StackSpec | None, RepoLock]


def find_request(context: RunContext, publisher: Publisher) -> Request | None:
    """The request that a plan is for, with its own last commit, not a trial's."""
    number, head = context.request, context.head_commit
    if number is None or head is None:
        return None
    if context.event == "queue":
        try:
            head = publisher.request(number).head
        except PublishError:
            return None  # the plan is good without a comment
    return Request(number, head)


def read_beginning(
    task: Task,
    context: RunContext,
    publisher: Publisher,
    read: Read,
    inputs: Inputs,
    settings: Settings,
    base: Base,
) -> tuple[Base, RunContext]:
    """Where the request began: what differs from there is what it changes itself.

    The base that an event names may be older than what the trial merge was made with,
    and a plan that was asked for is of the request's own commit alone.
    """
    planned = context.head_commit if task.asked else context.commit
    try:
        began = publisher.fork_point(context.branch or "", planned or "")
    except PublishError:
        return base, context
    if began == context.base_commit:
        return base, context
    there = replace(context, base_commit=began)
    found, notes = read_base(read, inputs, there, settings)
    return (base, context) if notes else (found, there)


def base_reader(publisher: Publisher, workspace: Path, processes: Processes) -> Read:
    """Reads a commit's files from the forge, or from the job's clone: a job's own token
    may not ask for files at every forge."""

    def read(path: str, commit: str) -> str | None:
        try:
            return publisher.read_file(path, commit)
        except PublishError as error:
            refused = error
        try:
            return read_committed(workspace, commit, path, processes)
        except TooLateError:
            raise
        except KarstError:
            raise refused from None

    return read


def read_base(
    read: Read, inputs: Inputs, context: RunContext, settings: Settings
) -> tuple[Base, tuple[str, ...]]:
    """The base branch's repos.yaml and repos.lock, and notes on what is not to be had."""
    commit = context.base_commit or ""
    name = lock_path(Path(inputs.file))
    try:
        text = read(inputs.file, commit)
        if text is None:
            return (None, RepoLock()), ()
        base = parse_spec(text, inputs, context, settings)
        lock = read(str(name), commit)
        pins = parse_lock(lock, source=str(name)) if lock else RepoLock()
    except TooLateError:
        raise
    except KarstError as error:
        note = f"the base branch's {inputs.file} can't be read: {error.what}"
        return (None, RepoLock()), (note,)
    return (base, pins), ()


def parse_spec(
    text: str, inputs: Inputs, context: RunContext, settings: Settings
) -> StackSpec:
    return parse_stack(
        text,
        source=inputs.file,
        default_name=context.name,
        default_network=settings.docker_network_name,
        ports=settings.ports,
    )

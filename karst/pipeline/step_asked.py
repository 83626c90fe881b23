"""What somebody asked for in a comment: may they, and about which commit."""

from __future__ import annotations

from dataclasses import replace

from karst.config.slug import Slug
from karst.context.run_context import RunContext
from karst.forges.publishing import Publisher
from karst.pipeline.step_task import Task

_MAY_ASK = ("admin", "write")


def resolve_asked(
    task: Task, context: RunContext, publisher: Publisher
) -> tuple[Task, RunContext]:
    """Ask the forge, now, who asks and what the request is; raises PublishError.

    Returns the task, "nothing" with its reason where it may not be done, and the
    context with the request's last commit, from here on pinned.
    """
    assert context.comment  # noqa: S101  (an asked task has both)
    assert context.request  # noqa: S101
    author = context.comment.author
    if publisher.permission(author) not in _MAY_ASK:
        return Task("nothing", f"{author} may not write to this repository"), context
    facts = publisher.request(context.request)
    context = replace(context, head_commit=facts.head)
    if task.work == "apply" and not facts.is_merged:
        why = "the request is not merged, and nothing is applied before it is"
        return Task("nothing", why), context
    if not (facts.is_open or facts.is_merged):
        return Task("nothing", "the request is closed"), context
    if task.work == "plan" and facts.is_open:
        context = replace(
            context,
            event="request",
            is_fork=facts.is_fork,
            branch=facts.base_ref,
            base_commit=facts.base,
        )
    return task, context


def request_slug(context: RunContext) -> Slug:
    """The calling repository at the request's last commit; forks' commits are there too."""
    return Slug("gh", context.repository or "", context.head_commit)

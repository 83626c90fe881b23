"""Telling a plan or a run: summary, artifacts, outputs, and the one comment."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from karst.config.inputs import CommentMode
from karst.errors import KarstError, PublishError
from karst.forges.publishing import CommentHeader, Publisher
from karst.pipeline.step_job import Job
from karst.pipeline.step_review import Request, Reviewing
from karst.report import (
    PlanReport,
    RunReport,
    render_comment_body,
    render_junit,
    render_plan_summary,
    render_resource_counts,
    render_run_summary,
)
from karst.report.escaping import code, code_block
from karst.report.log_text import plan_log, run_log
from karst.report.model import Failure, Mode
from karst.report.sealed import body_room, claimed_head, open_sealed, seal
from karst.terraform.receipt import Receipt, VoidReceiptError

_SERVICES_BYTES = 65_536
# GitHub's limit for an issue is that of a comment.
_ISSUE_ROOM = 60_000
_FAILURE_LINES = 60


@dataclass(frozen=True)
class Telling:
    """Where one stack's reports go.

    Attributes:
        target: the engine, as people name it, or "".
        run_url: the page of this run.
        comments: how the plan is commented, "off" where it is not.
    """

    job: Job
    stack: str
    target: str = ""
    label: str = ""
    run_url: str = ""
    comments: CommentMode = "off"
    publisher: Publisher | None = None

    def plan(self, report: PlanReport) -> None:
        report = self.job.withhold(report)
        self.plan_files(report)
        self.job.log(plan_log(report))
        self._summary(render_plan_summary(report))

    def plan_files(self, report: PlanReport) -> None:
        """The plan for programs: an artifact, and the outputs."""
        report = self.job.withhold(report)
        document = {
            **asdict(report),
            "counts": report.counts,
            "changes": not report.empty,
        }
        text = json.dumps(document, indent=2, sort_keys=True)
        self.job.output("plan-json", self._artifact("plan.json", text))
        self._artifact("resources.json", render_resource_counts(report))
        self.job.output("changes", _truth(not report.empty))
        self.job.output("services-json", _services(report, None))

    def run(self, report: RunReport) -> None:
        report = self.job.withhold(report)
        self._artifact("junit.xml", render_junit(report))
        text = json.dumps(asdict(report), indent=2, sort_keys=True, default=str)
        self._artifact("run.json", text)
        self.job.log(run_log(report))
        self._summary(render_run_summary(report))
        if report.verdicts:
            self.job.output("healthy", _truth(report.well))
        if report.plan:
            self.job.output("services-json", _services(report.plan, report))

    def failed_run(self, mode: Mode, error: KarstError) -> None:
        """Say in the summary what kept a run from even beginning."""
        failures = (failure_of(error),)
        self.run(
            RunReport(self.stack, mode, self.target, self.label, failures=failures)
        )

    def comment(
        self, report: PlanReport, receipt: Receipt | None, reviewing: Reviewing
    ) -> None:
        """Write the comment. One that fails leaves the plan as good as it is."""
        why = "" if report.empty else reviewing.why_unsigned(receipt)
        report = replace(report, notes=(*report.notes, *([why] if why else [])))
        report = self.job.withhold(report)
        body = render_comment_body(
            report, room=body_room(receipt), details_url=self.run_url
        )
        self._publish(body, receipt, reviewing)

    def failed_plan(self, error: KarstError, reviewing: Reviewing) -> None:
        """Say why there is no plan; an older one must not stand there as if it held."""
        page = f"\n\n[The run]({self.run_url})" if self.run_url else ""
        lines = self.job.withhold(str(error)).splitlines()[:_FAILURE_LINES]
        text = f"### No plan of {code(self.stack, 80)}\n\n{code_block(lines)}{page}"
        self._summary(text)
        self._publish(text, None, reviewing)

    def _publish(
        self, body: str, receipt: Receipt | None, reviewing: Reviewing
    ) -> None:
        request = reviewing.request
        if self.publisher is None or request is None or self.comments == "off":
            return
        try:
            facts = self.publisher.request(request.number)
            if facts.head != request.head:
                self.job.notice(
                    "notice",
                    "the request has a newer commit by now: its own run comments",
                )
                return
            if not reviewing.signs and self._is_signed(request, reviewing.header):
                self.job.notice(
                    "notice",
                    "the comment has a receipt for this very commit, and is left as it is",
                )
                return
            text = self._sealed(body, receipt, reviewing)
            url = self.publisher.upsert_comment(
                request.number, reviewing.header, text, self.comments
            )
        except KarstError as error:
            self.job.notice(
                "warning",
                f"the comment could not be written: {error.what}. {error.remedy}",
                where=error.where,
            )
            return
        self.job.output("comment-url", url)
        sealed = open_sealed(text)
        if sealed and sealed.signed:
            self.job.output("receipt", sha256(sealed.signed.encode()).hexdigest())

    def _is_signed(self, request: Request, header: CommentHeader) -> bool:
        """Whether a plan of this commit was signed already: a stranger's run, which he
        can start again as often as he likes, must not take that away."""
        assert self.publisher  # noqa: S101  (the caller looked)
        return any(
            sealed.header == header and claimed_head(sealed) == request.head
            for comment in self.publisher.own_comments(request.number)
            if (sealed := open_sealed(comment.text))
        )

    def _sealed(self, body: str, receipt: Receipt | None, reviewing: Reviewing) -> str:
        """The comment, signed where that works: a plan is worth reading without."""
        try:
            return seal(body, reviewing.header, receipt, reviewing.signer)
        except (PublishError, VoidReceiptError) as error:
            why = str(error).replace("\n  -> ", ". ")
            self.job.notice(
                "warning",
                f"the comment is not signed, so an apply will not count it: {why}",
            )
            return seal(body, reviewing.header)

    def issue(self, report: RunReport, header: CommentHeader, *, clean: bool) -> None:
        """Keep one open issue about what differs, and close it once nothing does."""
        if self.publisher is None:
            return
        page = f"\n\n[The run that saw it]({self.run_url})\n" if self.run_url else ""
        try:
            if clean:
                self.publisher.close_issue(header, "Everything is as applied." + page)
                return
            text = render_run_summary(self.job.withhold(report))
            if len(text) > _ISSUE_ROOM:
                text = text[:_ISSUE_ROOM].rpartition("\n")[0] + "\n\n*Cut here.*"
            title = f"{self.stack} is not as it was applied"
            url = self.publisher.upsert_issue(header, title, text + page)
        except KarstError as error:
            self.job.notice(
                "warning", f"the issue could not be kept: {error.what}. {error.remedy}"
            )
            return
        self.job.output("comment-url", url)

    def _summary(self, text: str) -> None:
        self.job.summary(text)
        self.job.output("summary", self._artifact("summary.md", text))

    def _artifact(self, name: str, text: str) -> str:
        folder = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{self.stack}-{self.label}").strip(
            "-."
        )
        return self.job.artifact(f"{folder}/{name}", text)


def failure_of(error: KarstError) -> Failure:
    lines = tuple(error.detail.splitlines()[-40:])
    return Failure(error.what, error.where, error.remedy, lines)


def _services(plan: PlanReport, run: RunReport | None) -> str:
    verdicts = {v.service: v.state for v in run.verdicts} if run else {}
    rows: list[dict[str, Any]] = [
        {
            "name": line.service,
            "action": line.action,
            "release": line.new_release,
            "verdict": verdicts.get(line.service, ""),
        }
        for line in plan.services
    ]
    text = json.dumps(rows)
    if len(text) <= _SERVICES_BYTES:
        return text
    return json.dumps([{"name": row["name"]} for row in rows])


def _truth(value: bool) -> str:
    return "true" if value else "false"

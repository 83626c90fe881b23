"""The pieces of a run's summary: failures, health, what was applied, stages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from karst.health import Verdict
from karst.report.comment import plan_body, verdict_text
from karst.report.escaping import code, code_block, count, names, table
from karst.report.fitting import Part, always, fit
from karst.report.model import Failure, RunReport
from karst.report.plan_tables import details

_LINES = 20
_SLOWEST = 5


def failures_part(report: RunReport) -> Part:
    ill = [v for v in report.verdicts if not v.well]

    def listed(lines: int, most: int) -> str:
        shown = [_failure(f, lines) for f in report.failures[:most]]
        shown += [_ill(v, report, lines) for v in ill[:most]]
        left = max(0, len(report.failures) - most) + max(0, len(ill) - most)
        if left:
            shown.append(f"and {count(left, 'more failure')}.")
        return "\n\n".join(shown)

    return Part(
        "failures",
        partial(listed, _LINES, 200),
        (
            (25, partial(listed, 5, 200)),
            (28, partial(listed, 0, 100)),
            (35, partial(listed, 0, 20)),
        ),
    )


def _failure(failure: Failure, lines: int) -> str:
    text = f"> [!CAUTION]\n> {code(failure.what, 1000)}"
    if failure.where:
        text += f"<br>where: {code(failure.where, 400)}"
    if failure.remedy:
        text += f"<br>what to do: {code(failure.remedy, 1000)}"
    return text + _tail("What came with it", failure.lines, lines)


def _ill(verdict: Verdict, report: RunReport, lines: int) -> str:
    text = f"> [!CAUTION]\n> **{code(verdict.service, 200)}** is {verdict.state}"
    if verdict.reason:
        text += f": {code(verdict.reason, 1000)}"
    if verdict.exit_reason:
        text += f"<br>the app ended: {code(verdict.exit_reason, 400)}"
    if verdict.service in report.rolled_back:
        text += "<br>**The former release runs on.**"
    return text + _tail("Its last log lines", verdict.last_lines, lines)


def _tail(title: str, found: Sequence[str], lines: int) -> str:
    if not (found and lines):
        return ""
    return "\n\n" + details(title, code_block(found[-lines:]), opened=True)


def unreviewed(report: RunReport, most: int) -> str:
    """What was applied though nobody had reviewed it, and why that is so."""
    if not report.unreviewed:
        return ""
    lines = [
        f"> - {code(service, 200)}: {code(why, 400)}"
        for service, why in list(report.unreviewed.items())[:most]
    ]
    if len(report.unreviewed) > most:
        lines.append(f"> - and {len(report.unreviewed) - most:,} more")
    head = "> [!WARNING]\n> **Applied without a review** (`on-unreviewed: apply`)\n>\n"
    return head + "\n".join(lines)


def notes(report: RunReport) -> str:
    lines = []
    if report.restarted:
        lines.append(
            f"Started again for a changed secret: {names(report.restarted, 50)}."
        )
    if report.kept_volumes:
        lines.append(f"Data kept in {names(report.kept_volumes, 50)}.")
    if report.certificates_end:
        lines.append(
            f"The first certificate ends on {code(report.certificates_end[:10])}."
        )
    return "\n".join(f"- {line}" for line in lines)


def plan_part(report: RunReport) -> Part:
    """What was applied, or what drifted, folded."""
    plan = report.plan
    if plan is None or plan.empty:
        return always("")
    title = "What was applied" if report.verdicts else "What was planned"
    title = "What differs" if report.mode == "drift" else title

    def within(room: int) -> str:
        body = fit(plan_body(plan), room)
        return details(f"{title}: {verdict_text(plan)}", body.strip()) if body else ""

    shorter = ((15, partial(within, 50_000)), (16, lambda: ""))
    return Part("the plan", partial(within, 400_000), shorter)


def services(report: RunReport, most: int) -> str:
    if not report.verdicts:
        return ""
    found = sorted(report.verdicts, key=lambda v: v.well)[:most]
    rows = [_service(v, report) for v in found]
    header = (
        "Service",
        "Health",
        "Latency p50",
        "Restarts",
        "Release",
        "Certificate ends",
    )
    text = table(header, rows)
    if len(report.verdicts) > most:
        text += f"\n\nand {count(len(report.verdicts) - most, 'more service')}."
    return text


def _service(verdict: Verdict, report: RunReport) -> tuple[str, ...]:
    state = verdict.state if verdict.well else f"**{verdict.state}**"
    release = code(verdict.release, 40)
    if verdict.service in report.rolled_back:
        state = f"**put back**<br>the new release was {verdict.state}"
        release = f"{release}<br>removed"
    latency = verdict.latency_p50_ms
    return (
        code(verdict.service, 200),
        state,
        "" if latency is None else f"{latency:.1f} ms",
        str(verdict.restarts),
        release,
        code(verdict.certificate_ends[:10]),
    )


def smokes(report: RunReport, most: int) -> str:
    """What repos.yaml asked for, those first that were not answered as asked."""
    if not report.smokes:
        return ""
    found = sorted(report.smokes, key=lambda s: s.well)
    rows = [
        (
            code(s.service, 200),
            code(s.asked, 200),
            "✓" if s.well else "**!**",
            "" if s.latency_ms is None else f"{s.latency_ms:.1f} ms",
            code(s.detail, 200),
        )
        for s in found[:most]
    ]
    header = ("Service", "Request", "", "Latency", "What came back")
    text = f"#### Requests\n\n{table(header, rows)}"
    if len(found) > most:
        text += f"\n\nand {count(len(found) - most, 'more request')}."
    return text


def stages(report: RunReport) -> str:
    if not report.stages:
        return ""
    total = sum(report.stages.values())
    slow = sorted(report.stages.items(), key=lambda s: -s[1])[:_SLOWEST]
    told = ", ".join(f"{code(name, 40)} {seconds:.1f} s" for name, seconds in slow)
    return f"Slowest stages of {total:.1f} s: {told}."

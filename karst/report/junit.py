"""JUnit XML: services and edges as test cases, which every forge can show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from karst.health import Verdict
from karst.health.edges import EdgeVerdict
from karst.report.escaping import UNKNOWN, clean, log_line
from karst.report.model import Failure, RunReport, SmokeLine

_LINES = 20
_WIDTH = 400
# What XML 1.0 allows; the control characters between can't be written at all.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: RunReport) -> str:
    """One suite each for the run, its services and its edges."""
    root = ET.Element("testsuites", name=_legal(f"{report.stack} {report.mode}"))
    suites = (
        ("run", [_run(report, f) for f in report.failures]),
        ("services", [_service(report, v) for v in report.verdicts]),
        ("requests", [_smoke(report, s) for s in report.smokes]),
        ("edges", [_edge(report, e) for e in report.edges]),
    )
    for name, cases in suites:
        if cases:
            root.append(_suite(f"{report.stack}.{name}", cases))
    _count(root, root.iter("testcase"))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + (
        ET.tostring(root, encoding="unicode") + "\n"
    )


def _suite(name: str, cases: list[ET.Element]) -> ET.Element:
    suite = ET.Element("testsuite", name=_legal(name))
    suite.extend(cases)
    _count(suite, cases)
    return suite


def _count(element: ET.Element, cases: Iterable[ET.Element]) -> None:
    found = list(cases)
    failed = sum(case.find("failure") is not None for case in found)
    seconds = sum(float(case.get("time", "0")) for case in found)
    element.set("tests", str(len(found)))
    element.set("failures", str(failed))
    element.set("errors", "0")
    element.set("skipped", "0")
    element.set("time", f"{seconds:.4f}")


def _case(report: RunReport, kind: str, name: str, ms: float | None) -> ET.Element:
    return ET.Element(
        "testcase",
        classname=_legal(f"{report.stack}.{kind}"),
        name=_legal(name),
        time=f"{(ms or 0.0) / 1000:.4f}",
    )


def _run(report: RunReport, failure: Failure) -> ET.Element:
    case = _case(report, "run", report.mode, None)
    told = [failure.where, failure.remedy, *failure.lines[-_LINES:]]
    _fail(case, failure.what, told)
    return case


def _service(report: RunReport, verdict: Verdict) -> ET.Element:
    case = _case(report, "services", verdict.service, verdict.latency_p50_ms)
    told = []
    if verdict.exit_reason:
        told.append(f"the app ended: {verdict.exit_reason}")
    if verdict.service in report.rolled_back:
        told.append("the former release runs on")
    if not verdict.well:
        reason = (
            f"{verdict.state}: {verdict.reason}" if verdict.reason else verdict.state
        )
        _fail(case, reason, [*told, *verdict.last_lines[-_LINES:]])
    return case


def _smoke(report: RunReport, smoke: SmokeLine) -> ET.Element:
    name = f"{smoke.service}: {smoke.asked}"
    case = _case(report, "requests", name, smoke.latency_ms)
    if not smoke.well:
        _fail(case, f"not answered as asked: {smoke.detail}", [])
    return case


def _edge(report: RunReport, edge: EdgeVerdict) -> ET.Element:
    name = f"{edge.caller or 'stranger'} -> {edge.callee} ({edge.expected})"
    case = _case(report, "edges", name, edge.latency_ms)
    if not edge.well:
        wanted = "an answer" if edge.expected == "allowed" else "a refusal"
        _fail(case, f"wanted {wanted}, got: {edge.detail}", [])
    return case


def _fail(case: ET.Element, message: str, lines: Iterable[str]) -> None:
    failure = ET.SubElement(case, "failure", message=_legal(message))
    failure.text = "\n".join(
        _ILLEGAL.sub(UNKNOWN, log_line(line, _WIDTH)) for line in lines if line
    )


def _legal(text: str) -> str:
    return _ILLEGAL.sub(UNKNOWN, clean(text, _WIDTH))

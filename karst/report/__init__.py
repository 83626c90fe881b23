"""Reports: one model of what happened, and its renderings.

`model` holds the values. Others' text gets into a document through `escaping` only.
"""

from karst.report.comment import render_comment_body
from karst.report.edges_text import describe_edge, edges_document, render_edges
from karst.report.gitlab import render_resource_counts, render_section
from karst.report.health_text import health_document, render_health
from karst.report.junit import render_junit
from karst.report.model import PlanReport, RunReport, ServiceLine
from karst.report.plan_text import plan_document, render_plan
from karst.report.summary import render_plan_summary, render_run_summary
from karst.report.table import render_table

__all__ = [
    "PlanReport",
    "RunReport",
    "ServiceLine",
    "describe_edge",
    "edges_document",
    "health_document",
    "plan_document",
    "render_comment_body",
    "render_edges",
    "render_health",
    "render_junit",
    "render_plan",
    "render_plan_summary",
    "render_resource_counts",
    "render_run_summary",
    "render_section",
    "render_table",
]

"""Reports: one model of what happened, and its renderings."""

from karst.report.health_text import health_document, render_health
from karst.report.plan_text import plan_document, render_plan
from karst.report.table import render_table

__all__ = [
    "health_document",
    "plan_document",
    "render_health",
    "render_plan",
    "render_table",
]

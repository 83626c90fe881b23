"""Finds out how a fetched program starts, without ever running it."""

from karst.inspection.entrypoint import Candidate, Entrypoint, Evidence
from karst.inspection.resolve import resolve_entrypoint

__all__ = ["Candidate", "Entrypoint", "Evidence", "resolve_entrypoint"]

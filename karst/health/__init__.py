"""Health: probes over mTLS, the engine's word, and the verdict made of both."""

from karst.health.asking import ProbeSetting, Question, ask, run_probe
from karst.health.edge_questions import Member
from karst.health.edges import EdgeVerdict, ask_edges
from karst.health.engine_word import job_verdict, with_engine_word
from karst.health.verdict import Verdict

__all__ = [
    "EdgeVerdict",
    "Member",
    "ProbeSetting",
    "Question",
    "Verdict",
    "ask",
    "ask_edges",
    "job_verdict",
    "run_probe",
    "with_engine_word",
]

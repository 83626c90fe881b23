"""Terraform: the stack as variables, the plan as a value, the session that runs it."""

from karst.terraform.plan import Plan, ResourceChange, ServiceChange
from karst.terraform.session import Session
from karst.terraform.stack import (
    Applied,
    DoorRelease,
    NetworkVariables,
    Release,
    Stack,
    digest,
)

__all__ = [
    "Applied",
    "DoorRelease",
    "NetworkVariables",
    "Plan",
    "Release",
    "ResourceChange",
    "ServiceChange",
    "Session",
    "Stack",
    "digest",
]

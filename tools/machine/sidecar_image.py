"""Placeholder until the Dockerfile of the sidecar is there."""

from __future__ import annotations

from dataclasses import dataclass

from machine.part import LeftToUser, Machine, State


@dataclass(frozen=True)
class SidecarImage:
    machine: Machine
    name: str = "sidecar-image"
    needs: tuple[str, ...] = ("engine", "base-image", "buildkit")

    def state(self) -> State:
        return State(True, "later")

    def install(self) -> None:
        raise LeftToUser("later")

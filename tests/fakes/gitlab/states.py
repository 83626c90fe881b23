"""GitLab's Terraform states: Terraform's HTTP backend, with locks and versions."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.fakes.exchange import Reply
from tests.fakes.gitlab.forge import Call, Refusal
from tests.fakes.routes import Routes

routes = Routes()
_STATE = "/projects/{id}/terraform/state/{name}"


@dataclass
class State:
    """One state; `lock` is what its holder said of itself, "" where nobody holds it."""

    versions: dict[int, bytes] = field(default_factory=dict)
    lock: str = ""

    @property
    def holder(self) -> str:
        return str(json.loads(self.lock)["ID"]) if self.lock else ""


@dataclass
class States:
    """By project and name."""

    of: dict[tuple[int, str], State] = field(default_factory=dict)


def _state(call: Call, id: str, name: str) -> State:
    # A job's token may do all of this in its own project.
    if call.user is None:
        raise Refusal(401, "401 Unauthorized")
    found = call.project(id)
    return call.forge.memory(States).of.setdefault((found.id, name), State())


def _refuse_other(state: State, holder: str) -> None:
    if state.lock and holder != state.holder:
        raise Refusal(409, "409 Conflict")


@routes.get(_STATE, described=False)
def read_state(call: Call, id: str, name: str) -> Reply:
    versions = _state(call, id, name).versions
    if not versions:
        return Reply(204)
    return Reply(200, body=versions[max(versions)])


@routes.post(_STATE, described=False)
def write_state(call: Call, id: str, name: str) -> Reply:
    state = _state(call, id, name)
    _refuse_other(state, call.request.query("ID"))
    serial = json.loads(call.request.body)["serial"]
    if serial in state.versions:
        raise Refusal(422, "422 Unprocessable entity")
    state.versions[serial] = call.request.body
    return Reply(200)


@routes.delete(_STATE, described=False)
def delete_state(call: Call, id: str, name: str) -> Reply:
    state = _state(call, id, name)
    _refuse_other(state, "")
    state.versions.clear()
    return Reply(200)


@routes.get(f"{_STATE}/versions/{{serial}}", described=False)
def read_version(call: Call, id: str, name: str, serial: str) -> Reply:
    found = _state(call, id, name).versions.get(int(serial))
    if found is None:
        raise Refusal(404, "404 State version Not Found")
    return Reply(200, body=found)


@routes.post(f"{_STATE}/lock", described=False)
def lock_state(call: Call, id: str, name: str) -> Reply:
    state = _state(call, id, name)
    if state.lock:
        return Reply(409, body=state.lock.encode(), content_type="application/json")
    state.lock = call.request.body.decode()
    return Reply(200)


@routes.delete(f"{_STATE}/lock", described=False)
def unlock_state(call: Call, id: str, name: str) -> Reply:
    state = _state(call, id, name)
    holder = json.loads(call.request.body)["ID"] if call.request.body else ""
    if holder:
        _refuse_other(state, holder)
    state.lock = ""
    return Reply(200)

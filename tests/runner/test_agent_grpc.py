"""What the agent answers on its socket: asked from within the sidecar's container."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ASK = """
import json, sys, time
sys.path.insert(0, "/opt/karst/lib")
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from karst.runner import controlplane_pb2 as pb2, controlplane_pb2_grpc as pb2_grpc

channel = grpc.insecure_channel("unix:/run/karst/agent.sock")
agent = pb2_grpc.ControlPlaneStub(channel)
said = {}

def refusal(call):
    try:
        call()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]

tail = agent.StreamLogs(pb2.StreamLogsRequest(tail=2), timeout=60)
said["tail"] = [[line.stream, line.text] for line in tail]
follow = agent.StreamLogs(pb2.StreamLogsRequest(tail=0, follow=True), timeout=60)
said["follow"] = next(iter(follow)).text.split()[0]
follow.cancel()
said["deploy"] = refusal(lambda: next(agent.Deploy(pb2.DeployRequest(), timeout=60)))
other = pb2.HealthCheckRequest(service="billing")
said["other"] = refusal(lambda: agent.HealthCheck(other, timeout=60))
health = health_pb2_grpc.HealthStub(channel)

def standing(name):
    # It follows the agent's own word a moment later.
    for _ in range(600):
        request = health_pb2.HealthCheckRequest(service=name)
        status = health.Check(request, timeout=60).status
        if status == 1:
            break
        time.sleep(0.1)
    return status

said["standard"] = [standing(name) for name in ("", "api")]
listing = reflection_pb2.ServerReflectionRequest(list_services="")
answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
    iter([listing]), timeout=60
)
said["services"] = [s.name for s in next(answers).list_services_response.service]
print(json.dumps(said))
"""
# What it says first must still be among the last lines when they are asked for.
APP = """
echo one; echo two >&2; sleep 0.2; echo three
until [ -e /tmp/go ]; do sleep 0.1; done
while :; do sleep 0.3; echo tick; done
"""


def test_every_call(pairs_field: Any, docker: Any, eventually: Any) -> None:
    api = pairs_field.pair("api", health={"kind": "command", "command": ["true"]})
    api.deliver(pairs_field.files(api), 1)
    api.create_app("sh", "-c", APP)
    api.start_app()
    # Of one that serves, a single question may have gone without an answer.
    api.becomes("SERVING", probe="true: exit status 0")
    eventually(lambda: len(api.health()["last_lines"]) == 3)
    lines = [(line["stream"], line["text"]) for line in api.health()["last_lines"]]
    assert sorted(lines) == [("stderr", "two"), ("stdout", "one"), ("stdout", "three")]
    assert lines.index(("stdout", "one")) < lines.index(("stdout", "three"))
    docker("exec", api.app, "touch", "/tmp/go")
    eventually(lambda: len(api.health()["last_lines"]) > 3)
    found = json.loads(docker("exec", api.sidecar, "python3", "-c", ASK))
    assert found == {
        "tail": found["tail"],
        "follow": "tick",
        "deploy": ["UNIMPLEMENTED", "Method not implemented!"],
        "other": ["NOT_FOUND", "here is only api"],
        "standard": [1, 1],
        "services": [
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "karst.controlplane.v1.ControlPlane",
        ],
    }
    assert len(found["tail"]) == 2


def test_a_failing_command_is_told(pairs_field: Any) -> None:
    health = {
        "kind": "command",
        "command": ["sh", "-c", "echo no database; exit 3"],
        "grace": 1,
        "interval": 0.2,
    }
    api = pairs_field.pair("api", health=health)
    api.deliver(pairs_field.files(api), 1)
    api.create_app("sleep", "300")
    api.start_app()
    # Before the app has begun, it says so without having asked.
    told = "sh -c echo no database; exit 3: exit status 3 no database"
    api.becomes("NOT_SERVING", probe=told)

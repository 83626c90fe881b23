"""What the agent answers on its socket: asked from within the sidecar's container."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ASK = """
import json, sys
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

tail = agent.StreamLogs(pb2.StreamLogsRequest(tail=2), timeout=5)
said["tail"] = [[line.stream, line.text] for line in tail]
follow = agent.StreamLogs(pb2.StreamLogsRequest(tail=0, follow=True), timeout=5)
said["follow"] = next(iter(follow)).text.split()[0]
follow.cancel()
said["deploy"] = refusal(lambda: next(agent.Deploy(pb2.DeployRequest(), timeout=5)))
other = pb2.HealthCheckRequest(service="billing")
said["other"] = refusal(lambda: agent.HealthCheck(other, timeout=5))
health = health_pb2_grpc.HealthStub(channel)
said["standard"] = [
    health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status
    for name in ("", "api")
]
listing = reflection_pb2.ServerReflectionRequest(list_services="")
answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
    iter([listing]), timeout=5
)
said["services"] = [s.name for s in next(answers).list_services_response.service]
print(json.dumps(said))
"""
APP = "echo one; echo two >&2; sleep 0.2; echo three; while :; do sleep 0.3; echo tick; done"


def test_every_call(pairs_field: Any, docker: Any, eventually: Any) -> None:
    api = pairs_field.pair("api", health={"kind": "command", "command": ["true"]})
    api.deliver(pairs_field.files(api), 1)
    api.create_app("sh", "-c", APP)
    api.start_app()
    said = api.becomes("SERVING")
    assert said["probe"] == "true: exit status 0"
    eventually(lambda: "tick" in api.logs())
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
    lines = [(line["stream"], line["text"]) for line in api.health()["last_lines"]]
    assert sorted(lines[:2]) == [("stderr", "two"), ("stdout", "one")]
    assert ("stdout", "three") in lines


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
    said = api.becomes("NOT_SERVING")
    assert said["probe"] == (
        "sh -c echo no database; exit 3: exit status 3 no database"
    )

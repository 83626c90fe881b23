"""Two releases never share a data volume, whatever state they are in."""

from __future__ import annotations

import pytest
from conftest import LiveStack, MakeStack
from snapshots import apart, docker, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# It notes each of its starts beside its data; the keeper starts it, not a shim in it.
STORE = """\
import http.server, os, sys, time

NAME, PAUSE, HEEDS = {name!r}, {pause}, {heeds}
with open("/data/starts", "a") as starts:
    starts.write(NAME + chr(10))
if NAME == "third" or HEEDS and os.path.exists("/data/broken"):
    sys.exit("the data is broken")
time.sleep(PAUSE)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(NAME.encode())


http.server.HTTPServer(("", 8000), Answer).serve_forever()
"""
DOCKERFILE = """\
FROM python:3.11-slim
RUN mkdir -m 777 /data
COPY main.py /main.py
USER 10001:10001
CMD ["python3", "/main.py"]
"""


def write(
    stack: LiveStack, name: str, *, pause: float = 0.0, grace: str = "120s"
) -> None:
    text = STORE.format(name=name, pause=pause, heeds=name == "first")
    service = {
        "slug": stack.app("store", text, Dockerfile=DOCKERFILE),
        "build": "dockerfile",
        "volumes": {"data": "/data"},
        "health": {"http": "/", "grace": grace},
    }
    stack.write([service])


def app_of(stack: LiveStack) -> str:
    """The one container whose start the data's volume tells of."""
    names = [str(c["Name"]).lstrip("/") for c in stack.containers()]
    return next(n for n in names if "-store-" in n and not n.endswith("-sidecar"))


def test_a_release_that_had_ended_stays_so(make_stack: MakeStack) -> None:
    stack = apart(make_stack())
    write(stack, "first")
    stack.ok("deploy")
    old = app_of(stack)
    assert docker("exec", old, "cat", "/data/starts").split() == ["first"]
    docker("exec", old, "touch", "/data/broken")
    docker("kill", old)

    def ended_again() -> bool:
        told = docker("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", old)
        return told.split() == ["1", "exited"]

    until(ended_again, 240, "the keeper has started it, and it has ended")
    # Meanwhile the keeper would start the old one more than once.
    write(stack, "second", pause=15.0)
    stack.ok("deploy")
    new = app_of(stack)
    assert new != old
    told = docker("exec", new, "cat", "/data/starts").split()
    assert told[-1] == "second"
    assert set(told[: told.index("second")]) == {"first"}
    assert told.count("second") == 1

    # One that never comes up goes again, and what was before has its data to itself.
    write(stack, "third", grace="10s")
    outcome = stack.run("deploy")
    assert outcome.returncode == 24, outcome.stdout + outcome.stderr
    assert app_of(stack) == new
    until(lambda: stack.run("health").returncode == 0, 240, "it serves again")
    told = docker("exec", new, "cat", "/data/starts").split()
    assert told[-1] == "second"
    assert "third" in told

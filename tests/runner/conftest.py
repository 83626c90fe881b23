"""Pairs of a sidecar and an app on a real engine, with rendered mesh files; all removed."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import pytest

import karst
from karst.build.sidecar import sidecar_tag
from karst.mesh.files import FileSet, PeerFile, render_node
from karst.mesh.model import PROBE, Node, Peer
from karst.pki import Identity, Leaf, LocalAuthority
from tests.networks import free_subnet

ROOT = Path(karst.__file__).parents[1]
SHIM = ROOT / "karst" / "runner" / "shim.py"
# Another image than this source tree's own, where the environment names one.
IMAGE = os.environ.get("KARST_TEST_SIDECAR_IMAGE") or sidecar_tag()
STACK = "pairs"
RELEASE = "r1"
PREFIX = "karsttest-runner"
SERVER_UID = 1338
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd")
NO_WORD = {"status": "", "mesh_version": "", "mesh_error": "", "last_lines": []}
SIDECAR_RIGHTS = ["NET_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"]

APP = """
import os, sys, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        if self.path == "/kill":
            os.kill(os.getpid(), 9)
        if self.path.startswith("/call/"):
            try:
                with urllib.request.urlopen("http://" + self.path[6:], timeout=20) as answer:
                    text = answer.read().decode()
            except Exception as error:
                text = f"failed: {error}"
        else:
            text = os.environ["NAME"] + " secret=" + os.environ.get("TOKEN", "none")
        self.send_response(200)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    # Whoever is asked every 0.3 s and tells of it has soon pushed out its first line.
    def log_message(self, *_):
        pass

class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass

print("app begins", flush=True)
Server(("127.0.0.1", 8000), Handler).serve_forever()
"""


def docker(*words: str, stdin: bytes | None = None) -> str:
    """Run the engine's client; its output, or a failed test with what it said."""
    done = subprocess.run(["docker", *words], input=stdin, capture_output=True)
    if done.returncode:
        pytest.fail(f"docker {' '.join(words)}: {done.stderr.decode()}")
    return done.stdout.decode()


def archive(files: dict[str, tuple[bytes, int, int]]) -> bytes:
    """A tar of name => (content, mode, uid), in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (content, mode, uid) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(content), mode, uid
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def eventually(what: Callable[[], Any], seconds: float = 180.0) -> Any:
    """What `what` gives once it is true; a failed test after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > deadline:
            assert found, f"not so after {seconds} s: {what}"
            return found
        time.sleep(0.1)


def removed(prefix: str) -> bool:
    """Remove the containers whose names begin so; whether the engine did it."""
    names = docker("ps", "-aq", "--filter", f"name={prefix}").split()
    argv = ["docker", "rm", "-f", "-v", *names]
    return not names or not subprocess.run(argv, capture_output=True).returncode


@dataclass
class Pair:
    """One service: its sidecar container and its app container, by name."""

    field: Field
    name: str
    number: int
    settings: dict[str, Any]
    version: str = ""

    @property
    def sidecar(self) -> str:
        return f"{self.field.prefix}-{self.name}-sidecar"

    @property
    def app(self) -> str:
        return f"{self.field.prefix}-{self.name}"

    @property
    def address(self) -> str:
        return f"{self.field.base}.{10 + self.number}"

    @property
    def virtual(self) -> str:
        return f"{self.field.base}.{128 + self.number}"

    @property
    def identity(self) -> Identity:
        return Identity(STACK, self.name)

    def start_sidecar(self) -> None:
        docker(
            *("run", "-d", "--name", self.sidecar, "--restart", "unless-stopped"),
            *("--network", self.field.network, "--ip", self.address),
            *("--cap-drop", "ALL"),
            *itertools.chain(*(("--cap-add", right) for right in SIDECAR_RIGHTS)),
            *("--security-opt", "no-new-privileges", *self.labels("sidecar")),
            *("-e", f"KARST_SIDECAR={json.dumps(self.settings)}", IMAGE),
        )
        eventually(lambda: "karst-agent: sealed\n" in docker("logs", self.sidecar))

    def labels(self, role: str) -> list[str]:
        said = {"role": role, "stack": STACK, "service": self.name, "release": RELEASE}
        if role == "app":
            job = self.settings["kind"] == "job"
            said["start"] = "once" if job else "auto"
        return [f"--label=karst.{key}={value}" for key, value in said.items()]

    def create_app(self, *command: str, **env: str) -> None:
        """Create the app's container with the shim in it; `start_app` starts it."""
        variables = {"NAME": self.name, "KARST_KIND": self.settings["kind"], **env}
        docker(
            *("create", "--name", self.app, "--network", f"container:{self.sidecar}"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", "1000:1000", *self.labels("app")),
            *(f"-e{key}={value}" for key, value in variables.items()),
            *("--entrypoint", "python3", self.field.base_image),
            *("-I", "-S", "/opt/karst/shim.py", "--", *command),
        )
        files = {
            "opt/karst/shim.py": (SHIM.read_bytes(), 0o644, 0),
            "app.py": (APP.encode(), 0o644, 0),
            "run/secrets/TOKEN": (b"s3cret\n", 0o400, 1000),
        }
        docker("cp", "-", f"{self.app}:/", stdin=archive(files))

    def start_app(self) -> None:
        docker("start", self.app)

    def deliver(self, files: FileSet, sequence: int) -> None:
        folder = f"incoming/{files.version}"
        packed = {
            f"{folder}/{name}": (
                file.content,
                0o440 if file.private else 0o644,
                1337 if file.private else 0,
            )
            for name, file in files.files.items()
        }
        packed[f"{folder}/manifest.json"] = (files.manifest(sequence), 0o644, 0)
        target = f"{self.sidecar}:/var/lib/karst"
        docker("cp", "-", target, stdin=archive(packed))

    def get(self, path: str = "/") -> str:
        """What the app answers over its own loopback; "" where it does not."""
        code = f"import urllib.request as u;print(u.urlopen('http://127.0.0.1:8000{path}',timeout=60).read().decode())"
        done = subprocess.run(
            ["docker", "exec", self.app, "python3", "-c", code], capture_output=True
        )
        return done.stdout.decode().strip()

    def listen_for_udp(self, port: int) -> Callable[[], str]:
        """Have the app's container receive on `port`; call for what came first: at the
        latest `b'own'`, which it then sends to itself."""
        code = (
            "import socket as s;c=s.socket(s.AF_INET,s.SOCK_DGRAM);"
            f"c.bind(('0.0.0.0',{port}));print('bound',flush=True);print(c.recv(9))"
        )
        child = subprocess.Popen(
            ["docker", "exec", self.app, "python3", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert child.stdout
        assert child.stdout.readline() == b"bound\n"

        def first() -> str:
            own = f"c.sendto(b'own',('127.0.0.1',{port}))"
            self.in_app(f"import socket as s;c=s.socket(s.AF_INET,s.SOCK_DGRAM);{own}")
            return child.communicate(timeout=60)[0].decode().strip()

        return first

    def in_app(self, code: str) -> str:
        """What a Python text prints in the app's container, faults included."""
        done = subprocess.run(
            ["docker", "exec", self.app, "python3", "-c", code], capture_output=True
        )
        return (done.stdout + done.stderr).decode()

    def logs(self) -> str:
        done = subprocess.run(["docker", "logs", self.app], capture_output=True)
        return (done.stdout + done.stderr).decode()

    def app_state(self) -> tuple[str, int]:
        form = "{{.State.Status}} {{.State.ExitCode}}"
        status, code = docker("inspect", "-f", form, self.app).split()
        return status, int(code)

    def processes(self) -> list[tuple[int, int, dict[str, int]]]:
        """Host pid, uid and capability sets of the sidecar's processes, pid 1 first."""
        found = []
        for line in docker("top", self.sidecar, "-eo", "pid").splitlines()[1:]:
            try:
                status = Path(f"/proc/{int(line)}/status").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended after the engine listed it.
            fields = dict(row.split(":\t", 1) for row in status if ":\t" in row)
            if fields["State"].startswith(("Z", "X")):
                continue
            sets = {key: int(fields[key], 16) for key in CAPABILITIES}
            within = int(fields["NSpid"].split()[-1])
            found.append((within, int(line), int(fields["Uid"].split()[0]), sets))
        return [process[1:] for process in sorted(found)]

    def kill(self, *, envoy: bool) -> None:
        """kill -9 of the sidecar's Envoy, or of the agent's server, once it is there."""

        def ours() -> list[int]:
            running = [(pid, uid) for pid, uid, _ in self.processes() if uid]
            found = [pid for pid, uid in running if (uid != SERVER_UID) == envoy]
            return found if len(found) == 1 else []

        [pid] = eventually(ours)
        os.kill(pid, 9)

    def memory(self) -> int:
        """Bytes that the pair is charged for, pages of files left out: an image's are
        charged to whoever reads them first after they have left the cache."""
        total = 0
        for name in (self.sidecar, self.app):
            number = docker("inspect", "-f", "{{.Id}}", name).strip()
            one = Path(f"/sys/fs/cgroup/memory/docker/{number}")
            usage, prefix = "memory.usage_in_bytes", "total_"
            if not one.exists():
                # Other containers' folders come and go, which `rglob` does not bear.
                folders = (Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup"))
                one = next(folder for folder in folders if number in folder.name)
                usage, prefix = "memory.current", ""
            rows = (one / "memory.stat").read_text().splitlines()
            stat = {key: int(value) for key, value in map(str.split, rows)}
            files = stat[f"{prefix}active_file"] + stat[f"{prefix}inactive_file"]
            total += int((one / usage).read_text()) - files
        return total

    def health(self) -> dict[str, Any]:
        """The agent's word, asked on its socket within the sidecar; NO_WORD without."""
        code = (
            "import sys;sys.path.insert(0,'/opt/karst/lib');import grpc,json;"
            "from google.protobuf.json_format import MessageToDict as d;"
            "from karst.runner import controlplane_pb2 as p,controlplane_pb2_grpc as g;"
            "s=g.ControlPlaneStub(grpc.insecure_channel('unix:/run/karst/agent.sock'));"
            "print(json.dumps(d(s.HealthCheck(p.HealthCheckRequest(),timeout=30),"
            "always_print_fields_with_no_presence=True,preserving_proto_field_name=True)))"
        )
        done = subprocess.run(
            ["docker", "exec", self.sidecar, "python3", "-c", code], capture_output=True
        )
        answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else NO_WORD
        return answer

    def becomes(self, status: str, **also: Any) -> dict[str, Any]:
        """The agent's word once its status is `status`, and `also` stands in it."""
        wanted = {"status": status, **also}
        deadline = time.monotonic() + 180.0
        while True:
            said = self.health()
            if all(said.get(key) == value for key, value in wanted.items()):
                return said
            assert time.monotonic() < deadline, f"not {wanted}: {said}"
            time.sleep(0.2)


@dataclass
class Field:
    """A network of the test's own, an authority, and the pairs on it."""

    prefix: str
    base: str
    base_image: str
    authority: LocalAuthority
    pairs: list[Pair] = field(default_factory=list)

    @property
    def network(self) -> str:
        return f"{self.prefix}-net"

    def pair(self, name: str, **settings: Any) -> Pair:
        """A service on port 8000; its sidecar is started, its app is not created."""
        health = {"kind": "http", "target": "/", "grace": 10, "interval": 0.3}
        given = {
            "stack": STACK,
            "service": name,
            "release": RELEASE,
            "role": "service",
            "subnet": f"{self.base}.0/24",
            "port": 8000,
            "protocol": "http",
            "kind": "service",
            "shim": True,
            "health": health,
            **settings,
        }
        pair = Pair(self, name, len(self.pairs), given)
        self.pairs.append(pair)
        pair.start_sidecar()
        return pair

    def probe(
        self,
        services: list[dict[str, Any]],
        deadline: float,
        identity: Identity | None = None,
        *,
        look: bool = False,
    ) -> list[dict[str, Any]]:
        """What the probe container prints, run as karst runs it."""
        leaf = self.leaf(identity or Identity(STACK, PROBE))
        paths = {key: f"/probe/{key}.pem" for key in ("cert", "key", "ca")}
        request = {"deadline": deadline, "identity": paths, "services": services}
        request["look"] = look
        files = {
            "probe/request.json": json.dumps(request),
            "probe/cert.pem": leaf.certificate_pem,
            "probe/key.pem": leaf.key_pem.reveal(),
            "probe/ca.pem": self.authority.bundle_pem,
        }
        name = f"{self.prefix}-probe-{uuid.uuid4().hex[:6]}"
        docker(
            *("create", "--name", name, "--network", self.network),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--user", "65534:65534", IMAGE, "probe"),
        )
        packed = {n: (text.encode(), 0o444, 0) for n, text in files.items()}
        docker("cp", "-", f"{name}:/", stdin=archive(packed))
        out = docker("start", "-a", name)
        return [json.loads(line) for line in out.splitlines()]

    def leaf(self, identity: Identity) -> Leaf:
        now = datetime.now(UTC)
        return self.authority.issue(identity, now=now, lifetime=timedelta(days=1))

    def files(
        self, pair: Pair, calls: tuple[Pair, ...] = (), by: tuple[Pair, ...] = ()
    ) -> FileSet:
        """The mesh files of a pair that may call `calls` and be called `by` others."""
        peers = tuple(
            Peer(p.identity, 8000, "http", p.virtual, (p.address,)) for p in calls
        )
        callers = tuple(p.identity for p in by)
        node = Node(
            pair.identity,
            8000,
            "http",
            virtual_address=pair.virtual,
            callees=peers,
            callers=callers,
        )
        template = ROOT / "infra" / "templates" / "envoy.yaml.tmpl"
        bootstrap = Template(template.read_text())
        leaf = self.leaf(pair.identity)
        return render_node(node, leaf, self.authority.bundle_pem, bootstrap)


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture(name="docker")
def _docker() -> Callable[..., str]:
    return docker


@pytest.fixture(name="broken")
def _broken() -> Callable[..., FileSet]:
    """A set with one file replaced; `whole`: its manifest says so."""

    class Lying(FileSet):
        def manifest(self, sequence: int) -> bytes:
            said = json.loads(super().manifest(sequence))
            return json.dumps({**said, "files": said["files"] | wrong}).encode()

    wrong: dict[str, str] = {}

    def broken(
        files: FileSet, name: str, content: bytes, whole: bool = False
    ) -> FileSet:
        wrong.clear()
        if not whole:
            wrong[name] = "0" * 64
        return Lying(f"b{files.version}", {**files.files, name: PeerFile(content)})

    return broken


@pytest.fixture(scope="session")
def sidecar_image() -> str:
    return IMAGE


@pytest.fixture(scope="session")
def base_image() -> str:
    for name in ("python:3.12-slim", "python:3.11-slim"):
        if not subprocess.run(
            ["docker", "image", "inspect", name], capture_output=True
        ).returncode:
            return name
    pytest.fail("no base image: run tools/bootstrap")


@pytest.fixture
def pairs_field(base_image: str) -> Iterator[Field]:
    prefix = f"{PREFIX}-{uuid.uuid4().hex[:6]}"
    base = free_subnet().removesuffix(".0/24")
    authority = LocalAuthority.create(STACK, now=datetime.now(UTC))
    made = Field(prefix, base, base_image, authority)
    docker("network", "create", "--subnet", f"{base}.0/24", made.network)
    try:
        yield made
    finally:
        # A keeper, a test's own or another's, may be starting one of them just now.
        eventually(lambda: removed(f"{prefix}-"))
        docker("network", "rm", made.network)

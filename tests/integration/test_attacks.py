"""Who has no right gets nothing: attackers by doors, on a real stack, with controls.

Each attacker dials every door once, in clear and in TLS, silent and speaking, at every
address; a cell of the table is what came back through that door. Beside each kind of
attacker stands one with the right, who runs the same script and gets answers.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest
from conftest import LiveStack, MakeStack, docker
from in_containers import APPS, inside, source

from karst.pki import Identity, LocalAuthority, authority_from_pem
from karst.secret import Secret

pytestmark = [pytest.mark.integration, pytest.mark.slow]

VAULT, FRIEND = 17341, 18437
SECRET = "vault: the secret is 4711"
PAGE = "friend: the page"
HOUR = timedelta(hours=1)

FRIEND_APP = f"""
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{PAGE}")
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""
Attack = functools.partial[dict[str, Any]]
ATTACKER_WAITS = 1.2
IDLE = "import signal\nsignal.pause()\n"


@dataclass
class Field:
    """The stack under attack, and a container on its network that is nobody's."""

    stack: LiveStack
    outsider: str
    bare: str
    results: dict[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def authority(self) -> LocalAuthority:
        secrets = self.stack.folder / "secrets"
        certificate = (secrets / "ca.pem").read_text()
        key = Secret((secrets / "ca.key").read_text())
        now = datetime.now(UTC)
        return authority_from_pem(certificate, key, where="ca", now=now)

    def pem(
        self, name: str, authority: LocalAuthority | None = None, **when: Any
    ) -> str:
        """A certificate and its key for a service's identity, PEM."""
        stack = when.pop("stack", self.stack.name)
        moment = {"now": datetime.now(UTC), "lifetime": HOUR, **when}
        issuer = authority or self.authority
        leaf = issuer.issue(Identity(stack, name), **moment)
        return leaf.certificate_pem + leaf.key_pem.reveal()

    def address(self, service: str) -> str:
        networks = self.stack.container("sidecar", service)["NetworkSettings"]
        return str(networks["Networks"][self.stack.network]["IPAddress"])

    @functools.cached_property
    def places(self) -> dict[str, list[str]]:
        """The addresses by which vault and friend might be reached."""
        hosts = inside(
            self.stack,
            "friend",
            "import json; print(json.dumps(open('/etc/hosts').read()))",
        )
        virtual = {
            line.split()[1]: line.split()[0]
            for line in hosts.partition("# karst: begin")[2].splitlines()
            if line and not line.startswith("#")
        }
        gateway = str(IPv4Network(self.stack.subnet)[1])
        return {
            name: [
                name,
                str(self.stack.container("sidecar", name)["Name"]).lstrip("/"),
                self.address(name),
                virtual[name],
                gateway,
            ]
            for name in ("vault", "friend")
        }

    @property
    def by_address(self) -> list[tuple[str, str, int, str]]:
        """Targets for the engine's host, where the engine's names mean nothing."""
        return [target for target in self.targets if target[1][-1].isdigit()]

    @functools.cached_property
    def targets(self) -> list[tuple[str, str, int, str]]:
        vault, friend = self.places["vault"], self.places["friend"]
        ports = {"app port": VAULT, "undeclared port": VAULT + 1, "50051": 50051}
        ports |= {"9901": 9901, "15000": 15000, "15001": 15001}
        found = [(c, a, port, "tcp") for c, port in ports.items() for a in vault]
        found += [("app port", address, FRIEND, "tcp") for address in friend]
        found += [("UDP", a, p, "udp") for a in vault for p in (VAULT, 50051, 15000)]
        mapped = [f"::ffff:{address}" for address in vault[2:]]
        found += [("IPv6", a, p, "tcp") for a in mapped for p in (VAULT, VAULT + 1)]
        found += [("IPv6", address, VAULT, "udp") for address in mapped]
        return found

    def attack(
        self,
        prefix: list[str],
        pem: str | None = None,
        become: int | None = None,
        targets: list[tuple[str, str, int, str]] | None = None,
        wait: float = ATTACKER_WAITS,
    ) -> dict[str, Any]:
        """Run the attack by `prefix` + python's own words; what it printed."""
        tag = f"tag-{uuid.uuid4().hex[:12]}"
        order = {
            "tag": tag,
            "wait": wait,
            "pem": pem,
            "become": become,
            "sni": f"vault.{self.stack.name}.karst.internal",
            "targets": self.targets if targets is None else targets,
        }
        done = subprocess.run(
            [*prefix, "-c", source("attack")],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {"tag": tag, **json.loads(done.stdout)}

    def exec(self, service: str, *words: str) -> list[str]:
        container = self.stack.container("app", service)["Id"]
        return ["docker", "exec", "-i", *words, container]

    def heard(self) -> str:
        """All that vault was ever sent."""
        read = "open('/tmp/heard', 'rb').read().decode('latin-1')"
        return str(
            inside(self.stack, "vault", f"import json; print(json.dumps({read}))")
        )


@pytest.fixture(scope="module")
def ground(make_stack: MakeStack) -> Iterator[Field]:
    stack = make_stack()
    stack.write(
        [
            {
                "slug": stack.app("vault", source("vault")),
                "port": VAULT,
                "protocol": "tcp",
            },
            {
                "slug": stack.app("friend", FRIEND_APP),
                "port": FRIEND,
                "calls": ["vault"],
            },
            {
                "slug": stack.app("stranger", IDLE),
                "protocol": "none",
                "health": {"process": True},
            },
            {
                "slug": stack.app(
                    "rooted",
                    (APPS / "rooted.Dockerfile").read_text(),
                    file="Dockerfile",
                ),
                "protocol": "none",
                "health": {"process": True},
                "build": "dockerfile",
                "user": "0:0",
            },
            {
                "slug": stack.app(
                    "chameleon",
                    (APPS / "chameleon.Dockerfile").read_text(),
                    file="Dockerfile",
                ),
                "protocol": "none",
                "health": {"process": True},
                "build": "dockerfile",
            },
        ],
        default="deny",
    )
    stack.ok("deploy")
    image = stack.container("sidecar", "vault")["Image"]
    vault_image = stack.container("app", "vault")["Image"]
    quiet = [
        "run",
        "-d",
        "--rm",
        "--init",
        "--cap-drop=ALL",
        "--network",
        stack.network,
    ]
    wait = "import signal; signal.pause()"
    words = [
        [*quiet, "--entrypoint=python3", image, "-c", wait],
        [*quiet, f"--env=PORT={VAULT}", "--entrypoint=python3", vault_image],
    ]
    words[1].append("/app/main.py")
    made: list[str] = []
    try:
        made += [docker(*each).strip() for each in words]
        yield Field(stack, *made)
    finally:
        # Their network stays while they are on it.
        docker("rm", "-f", *made, check=False)


# --- the table ----------------------------------------------------------------------

DOORS = [
    "app port",
    "undeclared port",
    "50051",
    "9901",
    "15000",
    "15001",
    "UDP",
    "IPv6",
]
ATTACKERS = [
    "no certificate",
    "foreign CA",
    "expired",
    "not allowed",
    "namesake of another stack",
    "host",
    "host, not allowed",
    "compromised app",
    "root in its own Dockerfile",
    "root that sets the sidecar's uid",
    "root with a setuid program",
    "app that took Envoy's uid",
]


def run_attack(ground: Field, attacker: str) -> dict[str, Any]:
    outside = ["docker", "exec", "-i", ground.outsider, "python3", "-I"]
    host = [sys.executable, "-I"]
    now = datetime.now(UTC)
    if attacker == "no certificate":
        return ground.attack(outside)
    if attacker == "foreign CA":
        other = LocalAuthority.create(ground.stack.name, now=now)
        return ground.attack(outside, ground.pem("friend", other))
    if attacker == "expired":
        # Backdated by five minutes: valid for a while, but not any more.
        past = ground.pem("friend", now=now - 2 * HOUR, lifetime=2 * HOUR - HOUR / 60)
        return ground.attack(outside, past)
    if attacker == "not allowed":
        return ground.attack(outside, ground.pem("stranger"))
    if attacker == "namesake of another stack":
        return ground.attack(outside, ground.pem("friend", stack="other"))
    if attacker == "host":
        return ground.attack(host, targets=ground.by_address)
    if attacker == "host, not allowed":
        return ground.attack(host, ground.pem("stranger"), targets=ground.by_address)
    if attacker == "compromised app":
        return ground.attack([*ground.exec("stranger"), "python3", "-I"])
    rooted = ground.exec("rooted")
    if attacker == "root in its own Dockerfile":
        return ground.attack([*rooted, "python3", "-I"])
    if attacker == "root that sets the sidecar's uid":
        return ground.attack([*rooted, "python3", "-I"], become=1337)
    if attacker == "app that took Envoy's uid":
        take_uid(ground)
        return ground.attack([*ground.exec("chameleon"), "python3", "-I"])
    assert attacker == "root with a setuid program"
    return ground.attack([*rooted, "/env-1337", "python3", "-I"])


# The uid of who listens on 15000 (0x3A98), as every app of the namespace may read it.
REWRITE = """
import json, re
rows = [row.split() for row in open("/proc/net/tcp").readlines()[1:]]
(uid,) = [row[7] for row in rows if row[3] == "0A" and row[1].endswith(":3A98")]
text = open("/etc/passwd").read()
open("/etc/passwd", "w").write(re.sub(r"(?m)^app:x:\\d+:", f"app:x:{uid}:", text))
print(json.dumps(int(uid)))
"""


def take_uid(ground: Field) -> int:
    """Let chameleon be Envoy's uid from its container's next start on; that uid."""
    uid = inside(ground.stack, "chameleon", REWRITE)
    docker("restart", "-t", "0", ground.stack.container("app", "chameleon")["Id"])
    return int(uid)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("attacker", ATTACKERS)
def test_gets_nothing(ground: Field, attacker: str, door: str) -> None:
    if attacker not in ground.results:
        ground.results[attacker] = run_attack(ground, attacker)
    result = ground.results[attacker]
    tried = [
        (label, got) for column, label, got, _ in result["found"] if column == door
    ]
    assert tried
    assert [(label, got) for label, got in tried if got and not is_alert(got)] == []


def is_alert(got: str) -> bool:
    """A TLS alert record (RFC 8446, 5.1 and 6): Envoy's word to who speaks no TLS."""
    return got.startswith("\x15\x03") and len(got) == 7


def test_nothing_that_attackers_sent_arrived(ground: Field) -> None:
    for attacker in ATTACKERS:
        if attacker not in ground.results:
            ground.results[attacker] = run_attack(ground, attacker)
    heard = ground.heard()
    tags = {name: result["tag"] for name, result in ground.results.items()}
    assert [name for name, tag in tags.items() if tag in heard] == []


# --- controls: the same script, with the right -----------------------------------------


def patiently(attack: Attack, enough: Callable[[dict[str, Any]], bool]) -> Any:
    """Attack anew while it got too little, and wait longer each time: an answer may take
    a slow machine more than what an attacker waits."""
    wait, end = ATTACKER_WAITS, time.monotonic() + 180
    while not enough(result := attack(wait=wait)) and time.monotonic() < end:
        wait = min(2 * wait, 20.0)
    return result


def told_the_secret(result: dict[str, Any]) -> set[str]:
    return {door for door, got in answers(result).items() if f"{SECRET}\n" in got}


def answers(result: dict[str, Any]) -> dict[str, set[str]]:
    """What was got, by door."""
    found: dict[str, set[str]] = {}
    for column, _, got, _ in result["found"]:
        found.setdefault(column, set()).add(got)
    return found


def test_control_the_allowed_caller_s_certificate_opens_the_app_port(
    ground: Field,
) -> None:
    for prefix, targets in (
        (["docker", "exec", "-i", ground.outsider, "python3"], ground.targets),
        ([sys.executable], ground.by_address),
    ):
        result = patiently(
            functools.partial(
                ground.attack, [*prefix, "-I"], ground.pem("friend"), targets=targets
            ),
            lambda r: (
                f"{SECRET}\n" in answers(r)["app port"] and r["tag"] in ground.heard()
            ),
        )
        found = answers(result)
        assert f"{SECRET}\n" in found["app port"]
        # By the container's address alone, inside TLS alone; and no other door.
        where = {label for _, label, got, _ in result["found"] if SECRET in got}
        assert {w.split()[-1] for w in where} == {"TLS"}
        shut = {door: found[door] for door in DOORS if door not in ("app port", "IPv6")}
        assert [
            d for d, got in shut.items() if any(g and not is_alert(g) for g in got)
        ] == []
        assert result["tag"] in ground.heard()


def test_control_the_probe_s_certificate_opens_health_and_stats(ground: Field) -> None:
    outside = ["docker", "exec", "-i", ground.outsider, "python3", "-I"]
    # The agent's HealthCheck names its service.
    wanted = [("app port", SECRET), ("app port", PAGE), ("50051", "vault")]
    wanted.append(("9901", "cluster.admin.upstream"))

    def lacking(result: dict[str, Any]) -> list[tuple[str, str]]:
        said = {door: "".join(got) for door, got in answers(result).items()}
        return [(door, word) for door, word in wanted if word not in said[door]]

    result = patiently(
        functools.partial(ground.attack, outside, ground.pem("karst-probe")),
        lambda r: lacking(r) == [],
    )
    assert lacking(result) == []
    # Nobody at all comes in by these.
    for door in ("undeclared port", "15000", "15001", "UDP"):
        assert [got for got in answers(result)[door] if got and not is_alert(got)] == []


def test_control_a_container_without_sidecar_is_open_to_the_same_script(
    ground: Field,
) -> None:
    networks = json.loads(docker("inspect", ground.bare))[0]["NetworkSettings"][
        "Networks"
    ]
    address = networks[ground.stack.network]["IPAddress"]
    targets = [
        ("app port", address, VAULT, "tcp"),
        ("undeclared port", address, VAULT + 1, "tcp"),
        ("UDP", address, VAULT, "udp"),
        ("IPv6", f"::ffff:{address}", VAULT, "tcp"),
    ]
    outside = ["docker", "exec", "-i", ground.outsider, "python3", "-I"]
    doors = {"app port", "undeclared port", "UDP", "IPv6"}
    result = patiently(
        functools.partial(ground.attack, outside, targets=targets),
        lambda r: told_the_secret(r) == doors,
    )
    assert told_the_secret(result) == doors


def test_control_an_allowed_app_gets_its_callee_and_nothing_beside_it(
    ground: Field,
) -> None:
    friend, virtual = ground.exec("friend"), ground.places["vault"][3]
    open_to_it = {"vault", virtual, f"::ffff:{virtual}"}

    def labels(result: dict[str, Any]) -> list[str]:
        return [label for _, label, got, _ in result["found"] if SECRET in got]

    def reached(result: dict[str, Any]) -> set[str]:
        return {label.split(":1734")[0] for label in labels(result)}

    result = patiently(
        functools.partial(ground.attack, [*friend, "python3", "-I"]),
        lambda r: reached(r) >= open_to_it,
    )
    assert reached(result) == open_to_it
    assert all(f":{VAULT} " in label for label in labels(result))


def test_control_the_vault_listens_within_its_own_namespace(ground: Field) -> None:
    local = [
        ("app port", "127.0.0.1", VAULT, "tcp"),
        ("undeclared port", "127.0.0.1", VAULT + 1, "tcp"),
        ("UDP", "127.0.0.1", VAULT, "udp"),
        ("50051 UDP", "127.0.0.1", 50051, "udp"),
    ]
    doors = {column for column, *_ in local}
    vault = [*ground.exec("vault"), "python3", "-I"]
    result = patiently(
        functools.partial(ground.attack, vault, targets=local),
        lambda r: told_the_secret(r) == doors,
    )
    assert told_the_secret(result) == doors
    listening = inside(
        ground.stack,
        "vault",
        "import json; print(json.dumps(open('/proc/net/tcp').read()))",
    )
    # 15000 and 15001 in hex: what the attackers dialled is there.
    assert ":3A98 " in listening
    assert ":3A99 " in listening


# --- the sidecar's uid ------------------------------------------------------------------


def test_no_running_program_takes_another_uid(ground: Field) -> None:
    names = ["root that sets the sidecar's uid", "root with a setuid program"]
    for attacker in names:
        if attacker not in ground.results:
            ground.results[attacker] = run_attack(ground, attacker)
    sets, program = (ground.results[name] for name in names)
    assert (sets["taken"], sets["uid"]) == (["PermissionError"] * 3, [0, 0])
    assert program["uid"] == [0, 0]


def test_envoy_s_uid_alone_opens_no_way_past_the_sidecar(ground: Field) -> None:
    """The engine's host has services too; the mesh's network is no way to them."""
    gateway = str(IPv4Network(ground.stack.subnet)[1])
    uid = take_uid(ground)
    script = textwrap.dedent("""
        import json, os, socket, sys
        line = socket.socket()
        line.settimeout(float(sys.argv[3]))
        try:
            line.connect((sys.argv[1], int(sys.argv[2])))
            got = line.recv(100).decode()
        except OSError as error:
            got = ""
        print(json.dumps([os.getuid(), got]))
        """)
    with socket.create_server(("", 0)) as listener:
        port = listener.getsockname()[1]

        def greet() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line, contextlib.suppress(OSError):
                    line.sendall(b"host: hello")

        threading.Thread(target=greet, daemon=True).start()
        words = (script, gateway, str(port))
        outsider = docker("exec", ground.outsider, "python3", "-I", "-c", *words, "60")
        found = {
            service: inside(ground.stack, service, *words, "2")
            for service in ("stranger", "chameleon", "rooted")
        }
        listener.shutdown(socket.SHUT_RDWR)
    assert found == {"stranger": [10001, ""], "chameleon": [uid, ""], "rooted": [0, ""]}
    # The control: whoever has no sidecar reaches the host.
    assert json.loads(outsider) == [0, "host: hello"]


def test_control_the_setuid_program_works_where_nothing_forbids_it(
    ground: Field,
) -> None:
    image = ground.stack.container("app", "rooted")["Image"]
    script = "import os; print(os.geteuid())"
    free = [
        "run",
        "--rm",
        "--network=none",
        image,
        "/env-1337",
        "python3",
        "-c",
        script,
    ]
    assert docker(*free).strip() == "1337"


def test_user_1337_is_refused_in_repos_yaml(make_stack: MakeStack) -> None:
    stack = make_stack()
    for user in ("1337", "1337:0", "01337", "1338"):
        stack.write([{"slug": stack.app("web", FRIEND_APP), "user": user}])
        outcome = stack.run("plan")
        assert outcome.returncode != 0
        uid = user.partition(":")[0].lstrip("0")
        assert f"uid {uid} is the sidecar's own" in outcome.stderr
    (stack.folder / "repos.yaml").unlink()


ENTRY = "x:1337:0::/:/bin/sh"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("USER 1337", "would run as uid 1337"),
        ("USER +1337", "would run as uid 1337"),
        (f"RUN echo 'app:{ENTRY}' >> /etc/passwd\nUSER app", "would run as uid 1337"),
        (f"RUN echo ' app:{ENTRY}' >> /etc/passwd\nUSER app", "would run as uid 1337"),
        (
            "RUN echo 'app:x:+1337:0::/:/bin/sh' >> /etc/passwd\nUSER app",
            "would run as uid 1337",
        ),
        (
            f"RUN echo 'app:{ENTRY}' > /p && ln -sf /p /etc/passwd\nUSER app",
            "says which uid 'app' is",
        ),
    ],
    ids=["number", "plus sign", "name", "blank before", "plus in passwd", "link"],
)
def test_an_image_with_the_sidecar_s_uid_is_refused(
    make_stack: MakeStack, lines: str, said: str
) -> None:
    stack = make_stack()
    text = f"FROM python:3.11-slim\n{lines}\nCMD sleep 600\n"
    slug = stack.app("web", text, file="Dockerfile")
    stack.write([{"slug": slug, "build": "dockerfile"}])
    outcome = stack.run("deploy")
    assert outcome.returncode != 0
    assert said in outcome.stderr
    assert stack.containers() == []


# --- what an app has in its hands -------------------------------------------------------

APPS_OF_STACK = ["vault", "friend", "stranger", "rooted", "chameleon"]


@pytest.mark.parametrize("service", APPS_OF_STACK)
def test_an_app_has_no_capability_and_gains_none(ground: Field, service: str) -> None:
    found = inside(
        ground.stack,
        service,
        textwrap.dedent("""
            import json
            rows = {}
            for pid in ("1", "self"):
                lines = open(f"/proc/{pid}/status").read().splitlines()
                rows[pid] = dict(line.split(":\\t") for line in lines if line[:3] in ("Cap", "NoN"))
            print(json.dumps(rows))
            """),
    )
    none = {f"Cap{kind}": "0" * 16 for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
    assert found == {
        "1": {**none, "NoNewPrivs": "1"},
        "self": {**none, "NoNewPrivs": "1"},
    }


def test_the_agent_has_lost_net_admin(ground: Field) -> None:
    net_admin = 1 << 12
    for sidecar in ground.stack.containers("sidecar"):
        lines = docker("exec", sidecar["Id"], "cat", "/proc/1/status").splitlines()
        rows = dict(line.split(":\t") for line in lines if line.startswith("Cap"))
        assert [k for k, v in rows.items() if int(v, 16) & net_admin] == []
        assert "CAP_NET_ADMIN" in sidecar["HostConfig"]["CapAdd"]


# Asks for the packet filter in every way a program may, and for switches of the kernel.
MEDDLE = """
import errno, json, socket, struct
said = {}
def attempt(name, work):
    try:
        work()
        said[name] = "done"
    except OSError as error:
        said[name] = errno.errorcode[error.errno]
line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
IPT_SO_SET_REPLACE = 64
attempt("iptables", lambda: line.setsockopt(0, IPT_SO_SET_REPLACE, b"\\0" * 96))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
def mark():
    line.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1)
attempt("mark", mark)
def flush_address():
    route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    RTM_NEWROUTE, REQUEST_ACK_CREATE = 24, 0x405
    body = struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 4, 253, 1, 0)
    body += struct.pack("=HH4s", 8, 1, bytes([203, 0, 113, 1]))
    body += struct.pack("=HHI", 8, 4, 1)
    route.send(struct.pack("=IHHII", 16 + len(body), RTM_NEWROUTE, REQUEST_ACK_CREATE, 1, 0) + body)
    code = -struct.unpack("=i", route.recv(4096)[16:20])[0]
    if code:
        raise OSError(code, "netlink")
attempt("route", flush_address)
def sysctl():
    with open("/proc/sys/net/ipv4/conf/all/route_localnet", "w") as file:
        file.write("1")
attempt("sysctl", sysctl)
print(json.dumps(said))
"""


@pytest.mark.parametrize("service", ["stranger", "rooted"])
def test_an_app_can_t_meddle_with_the_network(ground: Field, service: str) -> None:
    found = inside(ground.stack, service, MEDDLE)
    assert found.pop("sysctl") in ("EROFS", "EACCES")
    assert found == dict.fromkeys(
        ("iptables", "raw", "packet", "mark", "route"), "EPERM"
    )


def test_control_net_admin_can_meddle(ground: Field) -> None:
    image = ground.stack.container("sidecar", "vault")["Image"]
    words = [
        "run",
        "--rm",
        "--network=none",
        "--cap-add=NET_ADMIN",
        "--cap-add=NET_RAW",
    ]
    said = json.loads(docker(*words, "--entrypoint=python3", image, "-c", MEDDLE))
    assert said == {
        # The request is nonsense; that it was looked at is what tells.
        "iptables": "EINVAL",
        "raw": "done",
        "packet": "done",
        "mark": "done",
        "route": "done",
        "sysctl": "EROFS",
    }


@pytest.mark.parametrize("service", ["friend", "rooted"])
def test_an_app_sees_no_key_and_no_file_of_the_sidecar(
    ground: Field, service: str
) -> None:
    keys = (ground.stack.folder / "secrets").glob("*.key")
    # The middle of each key's one long line; a word of the image to prove the search.
    marks = [path.read_text().splitlines()[1] for path in keys]
    assert len(marks) == 1 + len(APPS_OF_STACK)
    found = inside(
        ground.stack,
        service,
        textwrap.dedent("""
            import json, os, sys
            marks = [word.encode() for word in sys.argv[1:]]
            hits, size = set(), 0
            roots = ["/proc/1/environ", "/proc/self/environ", "/proc/1/mountinfo"]
            for top, folders, files in os.walk("/"):
                if top == "/":
                    folders[:] = [f for f in folders if f not in ("proc", "sys", "dev")]
                roots += [os.path.join(top, name) for name in files]
            for path in roots:
                try:
                    with open(path, "rb") as file:
                        text = file.read(1 << 20)
                except OSError:
                    continue
                hits |= {mark.decode() for mark in marks if mark in text}
            others = []
            for pid in os.listdir("/proc"):
                # One that has ended since is nobody.
                if not pid.isdigit() or int(pid) == os.getpid():
                    continue
                try:
                    with open(f"/proc/{pid}/cmdline") as file:
                        others.append(file.read())
                except OSError:
                    continue
            print(json.dumps({
                "hits": sorted(hits),
                "volume": os.path.exists("/var/lib/karst"),
                "processes": sorted(int(p) for p in os.listdir("/proc") if p.isdigit())[:1],
                "others": [words for words in others if "envoy" in words],
            }))
            """),
        *marks,
        "root:x:0:0:",
    )
    assert found == {
        "hits": ["root:x:0:0:"],
        "volume": False,
        "processes": [1],
        "others": [],
    }


@pytest.mark.parametrize("service", ["friend", "rooted"])
def test_an_app_can_t_reach_envoy_beside_it(ground: Field, service: str) -> None:
    found = inside(
        ground.stack,
        service,
        textwrap.dedent("""
            import json, socket
            said = {}
            for port in (15000, 15001, 9901, 50051):
                for address in ("127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1"):
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    line = socket.socket(family, socket.SOCK_STREAM)
                    line.settimeout(60)
                    try:
                        line.connect((address, port))
                        line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                        got = line.recv(100).decode("latin-1")
                    except OSError as error:
                        got = type(error).__name__
                    said[f"{address}:{port}"] = got
            rows = open("/proc/net/unix").read().splitlines()[1:]
            paths = {row.split()[7] for row in rows if len(row.split()) > 7}
            for path in sorted(paths):
                line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                line.settimeout(60)
                name = "\\0" + path[1:] if path.startswith("@") else path
                try:
                    line.connect(name)
                    said[path] = "connected"
                except OSError as error:
                    said[path] = type(error).__name__
            print(json.dumps(said))
            """),
    )
    ports = {k: v for k, v in found.items() if k[-5:].isdigit() or k[-4:].isdigit()}
    assert set(ports.values()) <= {"ConnectionRefusedError", "ConnectionResetError"}
    assert {k: v for k, v in found.items() if k not in ports} == {
        "/run/karst/agent.sock": "FileNotFoundError",
        "/run/karst/envoy/admin.sock": "FileNotFoundError",
        # The shim's own way to the agent: bounded, and believed about this app only.
        "@karst/agent": "connected",
    }


def test_no_namespace_has_an_ipv6_address_beyond_loopback(ground: Field) -> None:
    for sidecar in ground.stack.containers("sidecar"):
        text = docker("exec", sidecar["Id"], "cat", "/proc/net/if_inet6", check=False)
        assert {line.split()[-1] for line in text.splitlines()} <= {"lo"}


# --- on the wire ------------------------------------------------------------------------


@contextlib.contextmanager
def wire(ground: Field, order: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """The attacker who may write any packet, in a namespace of its own; it ends with
    its standard input."""
    image = ground.stack.container("sidecar", "vault")["Image"]
    rights = ["--cap-drop=ALL", "--cap-add=NET_ADMIN", "--cap-add=NET_RAW", "--user=0"]
    words = ["docker", "run", "--rm", "-i", *rights, "--network", ground.stack.network]
    words += ["--entrypoint=python3", image, "-I", "-c", source("spoof")]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdin
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        yield process


def mac(ground: Field, service: str) -> str:
    networks = ground.stack.container("sidecar", service)["NetworkSettings"]["Networks"]
    return str(networks[ground.stack.network]["MacAddress"])


TELL_VAULT = f"""
import json, socket, time
got, end = [], time.monotonic() + 4
while time.monotonic() < end:
    try:
        with socket.create_connection(("vault", {VAULT}), timeout=1) as line:
            line.settimeout(1)
            line.sendall(b"friend: for vault's eyes only")
            got.append(line.recv(100).decode("latin-1"))
    except OSError as error:
        got.append(type(error).__name__)
    time.sleep(0.1)
print(json.dumps(got))
"""


@pytest.mark.parametrize("face", ["in clear", "foreign CA", "not allowed"])
def test_who_takes_a_callee_s_address_gets_a_refused_handshake(
    ground: Field, face: str
) -> None:
    pem = None
    if face == "foreign CA":
        other = LocalAuthority.create(ground.stack.name, now=datetime.now(UTC))
        pem = ground.pem("vault", other)
    elif face == "not allowed":
        pem = ground.pem("stranger")
    order = {
        "mode": "steal",
        "address": ground.address("vault"),
        "port": VAULT,
        "deceived": [ground.address("friend"), mac(ground, "friend")],
        "pem": pem,
    }
    told: list[str] = []
    with wire(ground, order) as thief:
        assert thief.stdin
        assert thief.stdout
        assert thief.stdout.readline() == "ready\n"
        for _ in range(10):
            told += inside(ground.stack, "friend", TELL_VAULT)
            thief.stdin.write("\n")
            thief.stdin.flush()
            found = json.loads(thief.stdout.readline())
            if found["hellos"]:
                break
    # The control: friend's sidecar did dial the thief, and began a handshake.
    assert found["hellos"] > 0, told
    assert found["decrypted"] == ""
    assert "for vault's eyes" not in found["raw"]
    assert not any("forged" in got for got in told)


def test_frames_to_loopback_addresses_from_the_wire_are_dropped(ground: Field) -> None:
    """A neighbour may write 127.0.0.1 on a frame to the sidecar's own hardware address."""
    targets = [
        (mac(ground, "vault"), "127.0.0.1", VAULT, 1),
        (mac(ground, "vault"), "127.0.0.1", VAULT + 1, 1),
        (mac(ground, "vault"), "127.0.0.1", 15000, 1),
        (mac(ground, "vault"), ground.address("vault"), 15000, 1),
    ]
    networks = json.loads(docker("inspect", ground.bare))[0]["NetworkSettings"][
        "Networks"
    ]
    bare = networks[ground.stack.network]
    # Controls: whoever has no rules answers; and so does a sidecar, for its handshakes.
    controls = [
        (bare["MacAddress"], bare["IPAddress"], VAULT, 60),
        (mac(ground, "vault"), ground.address("vault"), VAULT, 60),
    ]
    order = {"mode": "syn", "targets": [*targets, *controls]}
    with wire(ground, order) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out.partition("\n")[2]) == [False] * len(targets) + [True, True]

"""What an app speaks, the mesh carries: every protocol between real services."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import subprocess
import textwrap
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import LiveStack, MakeStack, docker
from in_containers import finish, free_port, inside, own_subnet, source, start

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Longer than any time limit that Envoy has by itself for requests and streams.
LONG = 66


@dataclass(frozen=True)
class Running:
    stack: LiveStack
    plain: int
    tls: int
    long: dict[str, subprocess.Popen[str]]

    def script(self, text: str, *words: str, service: str = "caller") -> Any:
        """Run a script in the caller's app container; what it printed, read as JSON."""
        return inside(self.stack, service, textwrap.dedent(text), *words)

    def app_uri(self, name: str) -> str:
        return f"spiffe://karst.internal/{self.stack.name}/{name}"


@pytest.fixture(scope="module")
def running(make_stack: MakeStack) -> Iterator[Running]:
    stack = make_stack()
    own_subnet(stack, 77)
    plain, tls = free_port(), free_port()
    clients = "aiohttp\nhttpx[http2]\ngrpcio\n"
    stack.write(
        [
            {
                "slug": stack.app(
                    "caller", source("caller"), requirements__txt=clients
                ),
                "publish": {"listen": f"127.0.0.1:{tls}", "tls": True},
            },
            {
                "slug": stack.app("web", source("web"), requirements__txt="aiohttp\n"),
                "publish": f"127.0.0.1:{plain}",
            },
            {
                "slug": stack.app(
                    "greeter", source("greeter"), requirements__txt="grpcio\n"
                ),
                "port": 50051,
                "protocol": "grpc",
                "health": {"tcp": True},
            },
            {
                "slug": stack.app("lines", source("lines")),
                "port": 7000,
                "protocol": "tcp",
            },
        ]
    )
    stack.ok("deploy")
    long = {
        name: start(stack, "caller", textwrap.dedent(text), str(LONG))
        for name, text in LONG_SCRIPTS.items()
    }
    yield Running(stack, plain, tls, long)
    for process in long.values():
        process.kill()
        process.communicate()


LONG_SCRIPTS = {
    "http": """
        import http.client, json, sys, time
        began = time.monotonic()
        line = http.client.HTTPConnection("web", 8000)
        line.request("GET", f"/ticks?count=12&pause={int(sys.argv[1]) / 11}")
        answer = line.getresponse()
        lines = [line.decode().strip() for line in answer]
        print(json.dumps([time.monotonic() - began, len(lines), lines[-1]]))
        """,
    "http-silent": """
        import http.client, json, sys, time
        began = time.monotonic()
        line = http.client.HTTPConnection("web", 8000)
        line.request("GET", f"/ticks?count=2&pause={sys.argv[1]}")
        lines = [line.decode().strip() for line in line.getresponse()]
        print(json.dumps([time.monotonic() - began, len(lines), lines[-1]]))
        """,
    "grpc": """
        import grpc, json, sys, time
        began = time.monotonic()
        channel = grpc.insecure_channel("greeter:50051")
        count = channel.unary_stream("/demo.Greeter/Count")
        lines = [x.decode() for x in count(b"12 %f" % (int(sys.argv[1]) / 11))]
        print(json.dumps([time.monotonic() - began, len(lines), lines[-1]]))
        """,
    "tcp": """
        import json, socket, sys, time
        began = time.monotonic()
        line = socket.create_connection(("lines", 7000))
        first = line.recv(100)
        time.sleep(int(sys.argv[1]))
        line.sendall(b"ping\\n")
        print(json.dumps([time.monotonic() - began, 2, line.recv(100).decode()]))
        """,
    "websocket": """
        import aiohttp, asyncio, json, sys, time
        async def main():
            began = time.monotonic()
            async with aiohttp.ClientSession() as session:
                async with session.ws_connect("http://web:8000/socket") as line:
                    first = await line.receive_str()
                    await asyncio.sleep(int(sys.argv[1]))
                    await line.send_str("still here")
                    last = await line.receive_str()
            print(json.dumps([time.monotonic() - began, 2, last]))
        asyncio.run(main())
        """,
}


# --- HTTP -------------------------------------------------------------------------


def test_http_1_1_keeps_its_connection(running: Running) -> None:
    found = running.script("""
        import http.client, json
        line = http.client.HTTPConnection("web", 8000)
        said = []
        for _ in range(3):
            line.request("GET", "/")
            answer = line.getresponse()
            said.append([answer.status, answer.version, answer.read().decode(),
                         line.sock.getsockname()[1]])
        print(json.dumps(said))
        """)
    assert [answer[:3] for answer in found] == [[200, 11, "web: hello"]] * 3
    assert len({answer[3] for answer in found}) == 1, "the connection was closed"


def test_http_1_0_client_and_server(running: Running) -> None:
    # `web` calls: its callee answers as HTTP/1.0, without a length.
    found = running.script(
        """
        import json, socket
        line = socket.create_connection(("caller", 8000))
        line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        text = b""
        while piece := line.recv(65536):
            text += piece
        head, _, body = text.partition(b"\\r\\n\\r\\n")
        print(json.dumps([head.split(b"\\r\\n")[0].decode(), body.decode()]))
        """,
        service="web",
    )
    assert found[0].split()[1:] == ["200", "OK"]
    assert found[1] == "caller: hello"


def test_http_2_with_prior_knowledge(running: Running) -> None:
    found = running.script("""
        import asyncio, httpx, json
        async def main():
            async with httpx.AsyncClient(
                http1=False, http2=True, timeout=60
            ) as client:
                urls = ["http://web:8000/"] * 20
                answers = await asyncio.gather(*map(client.get, urls))
                body = b"u" * 1_000_000
                sent = await client.post("http://web:8000/upload", content=body)
                versions = {a.http_version for a in answers}
                print(json.dumps([sorted(versions), sorted({a.text for a in answers}),
                                  sent.json()[0]]))
        asyncio.run(main())
        """)
    assert found == [["HTTP/2"], ["web: hello"], 1_000_000]


def test_the_app_is_spoken_to_in_its_own_version(running: Running) -> None:
    found = running.script("""
        import httpx, json
        with httpx.Client(http1=False, http2=True, timeout=60) as client:
            print(json.dumps(client.get("http://web:8000/seen").json()["version"]))
        """)
    assert found == "1.1"


def test_big_bodies_both_ways(running: Running) -> None:
    mebibytes = 48
    found = running.script(
        """
        import hashlib, http.client, json, sys
        count = int(sys.argv[1])
        line = http.client.HTTPConnection("web", 8000)
        pieces = (b"u" * 1048576 for _ in range(count))
        line.request("POST", "/upload", body=pieces, encode_chunked=True,
                     headers={"transfer-encoding": "chunked"})
        up = json.loads(line.getresponse().read())
        line.request("GET", f"/download?mebibytes={count}")
        down = line.getresponse().read()
        print(json.dumps([up, [len(down), hashlib.sha256(down).hexdigest()]]))
        """,
        str(mebibytes),
    )
    size = mebibytes * 1024 * 1024
    assert found == [
        [size, hashlib.sha256(b"u" * size).hexdigest()],
        [size, hashlib.sha256(b"d" * size).hexdigest()],
    ]


def test_an_upload_that_waits_for_100_continue(running: Running) -> None:
    found = running.script("""
        import json, socket
        line = socket.create_connection(("web", 8000))
        line.sendall(b"POST /upload HTTP/1.1\\r\\nhost: web\\r\\ncontent-length: 5\\r\\n"
                     b"expect: 100-continue\\r\\nconnection: close\\r\\n\\r\\n")
        first = line.recv(65536).split(b"\\r\\n")[0].decode()
        line.sendall(b"hello")
        rest = b""
        while piece := line.recv(65536):
            rest += piece
        print(json.dumps([first, b"[5, " in rest]))
        """)
    assert found == ["HTTP/1.1 100 Continue", True]


def test_a_foreign_host_header_reaches_the_dialled_service(running: Running) -> None:
    found = running.script("""
        import http.client, json
        said = []
        for host in ("caller", "example.com", "lines:7000", "[::1]"):
            line = http.client.HTTPConnection("web", 8000)
            line.request("GET", "/seen", headers={"host": host})
            headers = json.loads(line.getresponse().read())["headers"]
            said += [value for name, value in headers if name.lower() == "host"]
        print(json.dumps(said))
        """)
    assert found == ["caller", "example.com", "lines:7000", "[::1]"]


# The header in which a sidecar tells its app who calls.
FORGE = """
    import http.client, json, sys
    line = http.client.HTTPConnection(sys.argv[1], 8000)
    line.putrequest("GET", "/seen")
    line.putheader("x-forwarded-client-cert", "URI=spiffe://forged/one")
    line.putheader("X-Forwarded-Client-Cert", "By=x;URI=spiffe://forged/two")
    line.endheaders()
    headers = json.loads(line.getresponse().read())["headers"]
    print(json.dumps([v for n, v in headers if n.lower() == "x-forwarded-client-cert"]))
    """


def test_the_caller_is_named_and_can_t_be_forged(running: Running) -> None:
    (told,) = running.script(FORGE, "web")
    assert "forged" not in told
    assert f"URI={running.app_uri('caller')}" in told.split(";")


def test_who_holds_a_certificate_forges_nobody_else(running: Running) -> None:
    # Past the caller's own sidecar, which drops such headers too.
    secrets = running.stack.folder / "secrets"
    context = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
    context.check_hostname = False
    context.load_cert_chain(secrets / "caller.crt", secrets / "caller.key")
    networks = running.stack.container("sidecar", "web")["NetworkSettings"]["Networks"]
    address = networks[running.stack.network]["IPAddress"]
    forged = {"x-forwarded-client-cert": "URI=spiffe://forged/one"}
    request = urllib.request.Request(f"https://{address}:8000/seen", headers=forged)
    with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310
        headers = json.loads(answer.read())["headers"]
    (told,) = [v for n, v in headers if n.lower() == "x-forwarded-client-cert"]
    assert "forged" not in told
    assert f"URI={running.app_uri('caller')}" in told.split(";")


def test_a_call_to_oneself_forges_nobody(running: Running) -> None:
    assert running.script(FORGE, "web", service="web") == []


# --- WebSocket, gRPC, TCP ---------------------------------------------------------


def test_websocket(running: Running) -> None:
    found = running.script("""
        import aiohttp, asyncio, json
        async def main():
            async with aiohttp.ClientSession() as session:
                async with session.ws_connect("http://web:8000/socket") as line:
                    said = [await line.receive_str()]
                    await line.send_str("text")
                    said.append(await line.receive_str())
                    await line.send_bytes(b"ab" * 300_000)
                    said.append((await line.receive_bytes()) == b"ba" * 300_000)
            print(json.dumps(said))
        asyncio.run(main())
        """)
    assert found == ["web: welcome", "TEXT", True]


def test_grpc_unary_and_streams(running: Running) -> None:
    found = running.script("""
        import grpc, json, queue
        channel = grpc.insecure_channel("greeter:50051")
        path = "/demo.Greeter/"
        unary = channel.unary_unary(path + "Hello")(b"you").decode()
        many = [x.decode() for x in channel.unary_stream(path + "Count")(b"5 0")]
        total = channel.stream_unary(path + "Add")(b"%d" % n for n in range(10)).decode()
        # Strictly in turn: an answer must come while the request is still open.
        asked = queue.SimpleQueue()
        talk = channel.stream_stream(path + "Chat")(iter(asked.get, None))
        heard = []
        for word in (b"one", b"two", b"three"):
            asked.put(word)
            heard.append(next(talk).decode())
        asked.put(None)
        print(json.dumps([unary, many, total, heard, [x.decode() for x in talk]]))
        """)
    assert found == [
        "hello you",
        ["0", "1", "2", "3", "4"],
        "45",
        ["you said one", "you said two", "you said three"],
        [],
    ]


def test_grpc_errors_and_trailers(running: Running) -> None:
    found = running.script("""
        import grpc, json
        channel = grpc.insecure_channel("greeter:50051")
        try:
            channel.unary_unary("/demo.Greeter/Hello")(b"nobody")
        except grpc.RpcError as error:
            print(json.dumps([error.code().name, error.details(),
                              dict(error.trailing_metadata()).get("reason")]))
        """)
    assert found == ["NOT_FOUND", "no such guest", "unknown guest"]


def test_a_caller_on_50051_gets_the_app_and_not_the_control_plane(
    running: Running,
) -> None:
    found = running.script("""
        import grpc, json
        channel = grpc.insecure_channel("greeter:50051")
        print(channel.unary_unary("/demo.Greeter/Hello")(b"x").decode() != "hello x" or "")
        said = []
        for method in ("HealthCheck", "StreamLogs", "Deploy"):
            call = channel.unary_stream(f"/karst.controlplane.v1.ControlPlane/{method}")
            try:
                said.append([x.hex() for x in call(b"")])
            except grpc.RpcError as error:
                said.append(error.code().name)
        print(json.dumps(said))
        """)
    assert found == ["PERMISSION_DENIED"] * 3


def test_tcp_where_the_server_speaks_first(running: Running) -> None:
    found = running.script("""
        import hashlib, json, socket, threading
        line = socket.create_connection(("lines", 7000))
        said = [line.recv(100).decode()]
        line.sendall(b"ping\\n")
        said.append(line.recv(100).decode())
        body = bytes(range(256)) * 65536
        line.sendall(body)
        line.shutdown(socket.SHUT_WR)
        rest = b""
        while piece := line.recv(100):
            rest += piece
        expected = hashlib.sha256(b"ping\\n" + body).hexdigest()
        print(json.dumps([*said, rest.decode() == expected]))
        """)
    assert found == ["lines: ready\n", "pong\n", True]


# --- where apps listen, and names ---------------------------------------------------


@pytest.mark.parametrize(
    ("service", "address"), [("web", "0100007F"), ("caller", "00000000")]
)
def test_apps_listen_where_they_like(
    running: Running, service: str, address: str
) -> None:
    # What /proc/net/tcp says of port 8000 (0x1F40) and the state LISTEN (0A).
    listening = running.script(
        """
        import json
        rows = [r.split() for r in open("/proc/net/tcp").readlines()[1:]]
        print(json.dumps([r[1].split(":")[0] for r in rows
                          if r[3] == "0A" and r[1].endswith(":1F40")]))
        """,
        service=service,
    )
    assert listening == [address]
    other = "caller" if service == "web" else "web"
    found = running.script(
        """
        import json, sys, urllib.request
        print(json.dumps(urllib.request.urlopen(sys.argv[1]).read().decode()))
        """,
        f"http://{service}:8000/",
        service=other,
    )
    assert found == f"{service}: hello"


@pytest.mark.parametrize(
    ("service", "port", "banner"),
    [
        ("caller", "8000", "caller: hello"),
        ("web", "8000", "web: hello"),
        ("lines", "7000", "lines: ready"),
    ],
)
def test_a_service_calls_itself_by_name(
    running: Running, service: str, port: str, banner: str
) -> None:
    found = running.script(
        """
        import json, socket, sys
        line = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60)
        line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        text = b""
        while sys.argv[3].encode() not in text and (piece := line.recv(65536)):
            text += piece
        print(json.dumps(text.decode()))
        """,
        service,
        port,
        banner,
        service=service,
    )
    assert banner in found


NOWHERE = """
    import json, socket, sys
    said = []
    for target in sys.argv[1:]:
        name, port = target.split(":")
        try:
            line = socket.create_connection((name, int(port)), timeout=60)
            line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            said.append(line.recv(100).decode())
        except ConnectionResetError:
            said.append("")
        except OSError as error:
            said.append(type(error).__name__)
    print(json.dumps(said))
    """


def test_what_is_no_service_gets_no_answer(running: Running) -> None:
    subnet = running.stack.subnet.removesuffix("0/24")
    virtual = running.script("""
        import json, socket
        print(json.dumps(socket.gethostbyname("web")))
        """)
    # No such name; a virtual address that is nobody's; a port that web has not.
    found = running.script(NOWHERE, "nobody:8000", f"{subnet}250:8000", f"{virtual}:81")
    assert found == ["gaierror", "", ""]
    # The same script with a service's name and port.
    (answer,) = running.script(NOWHERE, "web:8000")
    assert answer.startswith("HTTP/1.")


# --- doors --------------------------------------------------------------------------


def test_a_plain_door_serves_the_page(running: Running) -> None:
    url = f"http://127.0.0.1:{running.plain}/"
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert (answer.status, answer.read()) == (200, b"web: hello")


def test_a_door_tells_its_own_name_and_passes_no_forged_one(running: Running) -> None:
    url = f"http://127.0.0.1:{running.plain}/seen"
    forged = {"x-forwarded-client-cert": "URI=forged"}
    request = urllib.request.Request(url, headers=forged)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        headers = json.loads(answer.read())["headers"]
    (told,) = [v for n, v in headers if n.lower() == "x-forwarded-client-cert"]
    assert f"URI={running.app_uri('karst-door-web')}" in told.split(";")
    assert "forged" not in told


def test_a_tls_door_serves_the_page(running: Running) -> None:
    context = ssl.create_default_context(
        cafile=str(running.stack.folder / "secrets" / "ca.pem")
    )
    # The certificate has no name for an address: browsers get a warning, we look on.
    context.check_hostname = False
    url = f"https://127.0.0.1:{running.tls}/"
    with urllib.request.urlopen(url, timeout=60, context=context) as answer:
        assert answer.read() == b"caller: hello"


def test_a_tls_door_serves_nothing_in_clear(running: Running) -> None:
    url = f"http://127.0.0.1:{running.tls}/"
    with pytest.raises((http.client.HTTPException, OSError)):
        urllib.request.urlopen(url, timeout=60)


def test_a_door_s_mesh_address_is_closed(running: Running) -> None:
    (door,) = running.stack.containers("edge", "web")
    networks = door["NetworkSettings"]["Networks"]
    inner = networks[running.stack.network]["IPAddress"]
    (outer,) = [
        n["IPAddress"] for k, n in networks.items() if k != running.stack.network
    ]
    script = textwrap.dedent("""
        import json, socket, sys
        said = []
        for place in sys.argv[1:]:
            address, seconds = place.split()
            try:
                line = socket.create_connection((address, 15080), int(seconds))
                line.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                said.append(line.recv(100).decode())
            except ConnectionResetError:
                said.append("")
            except OSError as error:
                said.append(type(error).__name__)
        print(json.dumps(said))
        """)
    image = door["Image"]

    def dialled_from(network: str, *places: str) -> Any:
        words = ["--network", network, "--entrypoint", "python3", image, "-c", script]
        return json.loads(docker("run", "--rm", *words, *places))

    # Where no answer may come it is waited for in vain; one that must come may take long.
    in_vain, answered = "3", "60"
    places = f"{inner} {in_vain}", f"{outer} {in_vain}"
    assert dialled_from(running.stack.network, *places) == ["TimeoutError"] * 2
    # An app's own sidecar has no way there, and the engine keeps networks apart.
    places = f"{inner} {answered}", f"{outer} {in_vain}"
    assert running.script(script, *places) == ["", "TimeoutError"]
    # The engine's host stands at the door's outer side, as the published port does.
    from_host = dialled_from("host", f"{inner} {in_vain}", f"{outer} {answered}")
    assert from_host[0] == "TimeoutError"
    assert from_host[1].startswith("HTTP/1.")


# --- long streams: begun with the first test, looked at last ------------------------


@pytest.mark.parametrize(
    ("kind", "lines", "last"),
    [
        ("http", 12, "tick 11"),
        ("http-silent", 2, "tick 1"),
        ("grpc", 12, "11"),
        ("tcp", 2, "pong\n"),
        ("websocket", 2, "STILL HERE"),
    ],
)
def test_a_stream_of_over_a_minute_stays_open(
    running: Running, kind: str, lines: int, last: str
) -> None:
    took, *heard = finish(running.long[kind], timeout=LONG + 240)
    assert heard == [lines, last]
    assert took >= LONG - 1

"""Dials every target in every way and prints all bytes that come back, as JSON.

Standard input: {"tag", "targets": [[column, address, port, "tcp" | "udp"]], "pem"
(certificate and key, or null), "sni", "become" (a uid to try, or null), "wait" (seconds
for each answer)}.
"""

import concurrent.futures
import json
import os
import socket
import ssl
import struct
import sys
import tempfile


def frame(kind, flags, stream, body=b""):
    return (
        struct.pack(">I", len(body))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + body
    )


def literal(name, value):
    """A header field that is literal in name and value (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def grpc_request(path, tag):
    """HTTP/2 with prior knowledge: one gRPC call with an empty message."""
    head = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path)]
    head += [(b":authority", b"vault"), (b"content-type", b"application/grpc")]
    head += [(b"te", b"trailers"), (b"x-tag", tag)]
    fields = b"".join(literal(name, value) for name, value in head)
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(4, 0, 0)
        + frame(1, 4, 1, fields)
        + frame(0, 1, 1, b"\0\0\0\0\0")
    )


def payloads(port, tag):
    tag = tag.encode()
    yield "silent", None, []
    for path in (b"/", b"/stats") if port == 9901 else (b"/",):
        request = (
            b"GET " + path + b" HTTP/1.1\r\nhost: x\r\nx-tag: " + tag + b"\r\n\r\n"
        )
        yield f"GET {path.decode()}", request, ["http/1.1"]
    if port == 50051:
        control = b"/karst.controlplane.v1.ControlPlane/HealthCheck"
        yield "HealthCheck", grpc_request(control, tag), ["h2"]
        yield "health", grpc_request(b"/grpc.health.v1.Health/Check", tag), ["h2"]


def read_all(line):
    got = b""
    try:
        while len(got) < 65536 and (piece := line.recv(65536)):
            got += piece
    except OSError:
        pass
    return got


def dial(address, port, wait):
    # An IPv4 address in IPv6's clothes goes through another family of sockets.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM)
    line.settimeout(wait)
    line.connect((address, port))
    return line


def ask_tcp(address, port, wait, payload, context, name):
    """All bytes of the other side; with TLS, those inside it."""
    with dial(address, port, wait) as line:
        if context is not None:
            line = context.wrap_socket(line, server_hostname=name)
        if payload:
            line.sendall(payload)
        return read_all(line)


def ask_udp(address, port, wait, payload):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.settimeout(wait)
        line.connect((address, port))
        line.send(payload)
        return line.recv(65536)


def tls(pem, protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if pem:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def plan(order):
    wait = order["wait"]
    for column, address, port, kind in order["targets"]:
        if kind == "udp":
            yield (
                column,
                f"{address}:{port} udp",
                ask_udp,
                (address, port, wait, order["tag"].encode()),
            )
            continue
        for what, payload, protocols in payloads(port, order["tag"]):
            label = f"{address}:{port} {what}"
            plain = (address, port, wait, payload, None, None)
            yield column, f"{label} in clear", ask_tcp, plain
            hidden = (
                address,
                port,
                wait,
                payload,
                tls(order["pem"], protocols),
                order["sni"],
            )
            yield column, f"{label} in TLS", ask_tcp, hidden


def attempt(work, arguments):
    try:
        return work(*arguments), ""
    except OSError as error:
        return b"", type(error).__name__


def main():
    order = json.load(sys.stdin)
    taken = []
    for change in (os.setuid, os.seteuid, lambda uid: os.setresuid(uid, uid, uid)):
        if order["become"] is not None:
            try:
                change(order["become"])
                taken.append(os.geteuid())
            except OSError as error:
                taken.append(type(error).__name__)
    found = []
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        jobs = [
            (column, label, pool.submit(attempt, work, arguments))
            for column, label, work, arguments in plan(order)
        ]
        for column, label, job in jobs:
            got, error = job.result()
            found.append([column, label, got.decode("latin-1"), error])
    print(
        json.dumps({"uid": [os.getuid(), os.geteuid()], "taken": taken, "found": found})
    )


if __name__ == "__main__":
    main()

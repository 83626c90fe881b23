"""Keeps a secret and tells everybody at once: TCP and UDP, all addresses, two ports.

Whatever a caller sends is written to /tmp/heard, so that a test can read what arrived.
"""

import contextlib
import os
import socket
import threading
from pathlib import Path

SECRET = b"vault: the secret is 4711\n"
heard = Path("/tmp/heard").open("ab", buffering=0)  # noqa: SIM115


def tcp(port):
    # Takes IPv4 too, where the kernel knows IPv6 at all.
    try:
        listener = socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256
        )
    except OSError:
        listener = socket.create_server(("0.0.0.0", port), backlog=256)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def serve(connection):
    with connection:
        try:
            connection.sendall(SECRET)
            while piece := connection.recv(65536):
                heard.write(piece + b"\n")
        except OSError:
            return


def udp(port):
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("0.0.0.0", port))
    while True:
        piece, sender = line.recvfrom(65536)
        heard.write(piece + b"\n")
        # The namespace's rules may refuse the answer.
        with contextlib.suppress(OSError):
            line.sendto(SECRET, sender)


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    works = [(tcp, port), (tcp, port + 1), (udp, port), (udp, 50051)]
    threads = [threading.Thread(target=work, args=(at,)) for work, at in works]
    for thread in threads:
        thread.start()

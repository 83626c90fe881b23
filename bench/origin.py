"""An HTTP origin that answers at once: no parsing, one small answer per request.

Standard library only and one thread; it answers several times faster than a proxy can
ask, so that what is measured is the way to it.
"""

from __future__ import annotations

import select
import signal
import socket
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
END = b"\r\n\r\n"


def serve(address: str, port: int) -> None:
    listener = socket.create_server((address, port), backlog=512)
    waiting = select.epoll()
    waiting.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    while True:
        for number, _ in waiting.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                waiting.register(connection, select.EPOLLIN)
                continue
            connection = connections[number]
            try:
                asked = connection.recv(65536).count(END)
                if asked:
                    connection.sendall(ANSWER * asked)
                    continue
            except OSError:
                asked = 0
            waiting.unregister(connection)
            connections.pop(number).close()


if __name__ == "__main__":
    # As pid 1 it would not hear a stop, and make who removes it wait.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(sys.argv[1], int(sys.argv[2]))

"""Small apps of the tests' own: the standard library only, so that builds are quick."""

from __future__ import annotations

# Answers what it is told to, calls whom it is told to, and keeps count of what it got.
ECHO = """\
import collections, hashlib, http.client, http.server, json, os, socket, threading, time
import urllib.request

ANSWER = "first"
STATUS = 200
tally = collections.Counter()


def call_for_good(name, keep_alive):
    line = None
    while True:
        try:
            line = line or http.client.HTTPConnection(name, 8000, timeout=20)
            line.request("GET", "/")
            reply = line.getresponse()
            tally[f"{reply.status} {reply.read().decode()[:40]}"] += 1
            if not keep_alive or reply.will_close:
                line.close()
                line = None
        except Exception as error:
            tally[f"error {type(error).__name__} {error}"] += 1
            line = None
        time.sleep(0.01)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, text = STATUS, ANSWER
        if self.path.startswith("/call/"):
            try:
                url = f"http://{self.path[6:]}/"
                text = urllib.request.urlopen(url, timeout=30).read().decode()
            except Exception as error:
                status, text = 502, str(error)
        elif self.path.startswith("/digest/"):
            value = os.environ.get(self.path[8:], "")
            text = hashlib.sha256(value.encode()).hexdigest()
        elif self.path == "/tally":
            text = json.dumps(dict(tally))
        body = text.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    for name in filter(None, os.environ.get("CALL", "").split(",")):
        for keep_alive in (True, True, False, False):
            threading.Thread(
                target=call_for_good, args=(name, keep_alive), daemon=True
            ).start()
    Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def echo(answer: str = "first", status: int = 200) -> str:
    """The app that answers `answer` at every path it does not know."""
    text = ECHO.replace('ANSWER = "first"', f"ANSWER = {answer!r}")
    return text.replace("STATUS = 200", f"STATUS = {status}")


CRASH = """\
import sys

if __name__ == "__main__":
    print("the ledger is not where it was", flush=True)
    sys.exit("cannot open ledger.db")
"""

EXIT_AT_ONCE = """\
if __name__ == "__main__":
    print("nothing to do", flush=True)
"""

JOB = """\
if __name__ == "__main__":
    print("migrated", flush=True)
"""

FAILING_JOB = """\
import sys

if __name__ == "__main__":
    print("table orders is missing", flush=True)
    sys.exit(3)
"""

WORKER = """\
import time

if __name__ == "__main__":
    print("working", flush=True)
    while True:
        time.sleep(1)
"""

# A TCP server that speaks first, as databases do.
STORE = """\
import pathlib, socketserver

pathlib.Path("/data/ledger").touch()


class Greeter(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"store ready\\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(("0.0.0.0", 5432), Greeter).serve_forever()
"""
STORE_DOCKERFILE = """\
FROM python:3.11-slim
RUN mkdir /data && chown 10001:10001 /data
COPY store.py /store.py
CMD ["python3", "/store.py"]
"""

LEGACY_DOCKERFILE = """\
FROM python:3.11-slim
COPY main.py /main.py
USER 10001:10001
CMD ["python3", "/main.py"]
"""

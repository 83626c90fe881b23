"""Keeps the shop's products and orders behind a line protocol on TCP.

The server speaks first: one JSON line with `sequence` (changes so far), `uptime`
(seconds) and `kept` ("file" or "memory"). Then each line that a client sends,
`{"op": "products"}`, is answered by one: `{"ok": true, "result": ...}` or
`{"ok": false, "error": "sold-out", "message": "..."}`.
"""

import json
import logging
import os
import signal
import socketserver
import sys
import threading
import time
from pathlib import Path

from journal import JournalDamaged, open_journal
from shelves import Refused, Shelves

LONGEST_LINE = 16 * 1024
IDLE_SECONDS = 60
ENDING = {signal.SIGTERM, signal.SIGINT}

log = logging.getLogger("store")


class Session(socketserver.StreamRequestHandler):
    """One client, from the banner to its end."""

    server: "Store"
    timeout = IDLE_SECONDS

    def handle(self) -> None:
        try:
            self.send(self.server.banner())
            while line := self.rfile.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    self.send(_refusal("bad-request", "the line is too long"))
                    return
                self.send(self.server.answer(line))
        except (ConnectionError, TimeoutError):
            return  # a health check connects and leaves: no event

    def send(self, message: dict) -> None:
        self.wfile.write(json.dumps(message).encode() + b"\n")


class Store(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], shelves: Shelves) -> None:
        self.shelves = shelves
        self.started = time.monotonic()
        super().__init__(address, Session)

    def banner(self) -> dict:
        return {
            "service": "store",
            "sequence": self.shelves.sequence,
            "uptime": round(time.monotonic() - self.started, 3),
            "kept": self.shelves.kept,
        }

    def answer(self, line: bytes) -> dict:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise Refused("bad-request", "a JSON object is wanted")
            return {"ok": True, "result": self.shelves.do(request)}
        except Refused as refused:
            return _refusal(refused.code, str(refused))
        except (ValueError, RecursionError):
            return _refusal("bad-request", "the line is no JSON")
        except OSError as error:
            log.error("cannot write: %s", error.strerror)
            return _refusal("unavailable", "the change could not be kept")


def _refusal(code: str, message: str) -> dict:
    return {"ok": False, "error": code, "message": message}


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    port = int(os.environ.get("PORT", "7000"))
    folder = Path(os.environ.get("DATA_DIR", "/var/lib/store"))
    # Blocked and waited for: a handler could come while a lock is held.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        shelves = Shelves(open_journal(folder))
    except JournalDamaged as damaged:
        log.error("not started: %s", damaged)
        return 1
    with Store(("0.0.0.0", port), shelves) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        log.info("listening on port %d, sequence %d", port, shelves.sequence)
        signal.sigwait(ENDING)
        server.shutdown()
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

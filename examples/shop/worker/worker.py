"""Packs orders: every second it takes those that wait and marks them packed."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from urllib.parse import quote

import urllib3

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
AT_ONCE = 20
ENDING = {signal.SIGTERM, signal.SIGINT}

log = logging.getLogger("worker")


class ApiFailed(Exception):
    """The api did not answer, or not as it should."""


class Packer:
    """Speaks to the api at `url` under the name that orders are packed by."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url.rstrip("/")
        self._name = name
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(5), retries=False, maxsize=1
        )

    def pack_waiting(self) -> int:
        """Pack what waits, oldest first, and return how many; raises ApiFailed."""
        waiting = self._ask("GET", f"/orders?state=waiting&limit={AT_ONCE}")["orders"]
        for order in waiting:
            where = f"/orders/{quote(order['id'], safe='')}/packed"
            self._ask("POST", where, {"by": self._name})
            log.info("packed %s: %d x %s", order["id"], order["quantity"], order["sku"])
        return len(waiting)

    def _ask(self, method: str, where: str, body: dict | None = None) -> dict:
        try:
            answer = self._http.request(method, self._url + where, json=body)
            if answer.status != 200:
                raise ApiFailed(f"{method} {where}: status {answer.status}")
            return json.loads(answer.data)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise ApiFailed(f"{method} {where}: {type(error).__name__}") from error


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    # Blocked and waited for: a handler could come while a lock is held.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    name = os.environ.get("WORKER_NAME", "worker")
    url = os.environ.get("API_URL", "http://api:8000")
    packer = Packer(url, name)
    log.info("packing orders of %s as %s", url, name)
    pause, failing = PAUSE_SECONDS, False
    while signal.sigtimedwait(ENDING, pause) is None:
        try:
            packer.pack_waiting()
            if failing:
                log.info("the api answers again")
            pause, failing = PAUSE_SECONDS, False
        except ApiFailed as error:
            pause, failing = min(pause * 2, LONGEST_PAUSE_SECONDS), True
            log.warning("%s; again in %.0f s", error, pause)
    log.info("stopped")
    return 0

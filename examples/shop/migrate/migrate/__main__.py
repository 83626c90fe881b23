"""Asks the store to add each product, waiting for it with growing pauses.

Runs to its end: 0 once every product is there, 1 where that failed. Running it again
changes nothing.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from tenacity import RetryCallState, Retrying
from tenacity.retry import retry_if_exception_type
from tenacity.stop import stop_after_delay
from tenacity.wait import wait_exponential

PRODUCTS = Path(__file__).parent / "products.json"
TIMEOUT_SECONDS = 5

log = logging.getLogger("migrate")


class StoreRefused(Exception):
    """The store answered that it will not."""


def add_products(host: str, port: int, products: Iterable[dict[str, object]]) -> int:
    """Return how many were not there before; raises OSError, StoreRefused."""
    added = 0
    with (
        socket.create_connection((host, port), timeout=TIMEOUT_SECONDS) as connection,
        connection.makefile("rwb") as stream,
    ):
        _read(stream.readline())  # the banner
        for product in products:
            request = {"op": "add-product", **product}
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            answer = _read(stream.readline())
            if not answer.get("ok"):
                raise StoreRefused(f"{product['sku']}: {answer.get('message')}")
            added += answer["result"]["added"]
    return added


def _read(line: bytes) -> dict:
    if not line.endswith(b"\n"):
        raise ConnectionError("the store hung up")
    return json.loads(line)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0
    log.info("the store is not there yet (%s), again in %.1f s", error, pause)


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    signal.signal(signal.SIGTERM, _interrupted)
    host, _, port = os.environ.get("STORE_ADDRESS", "store:7000").rpartition(":")
    patience = float(os.environ.get("WAIT_SECONDS", "60"))
    products = json.loads(PRODUCTS.read_text(encoding="utf-8"))
    attempts = Retrying(
        retry=retry_if_exception_type(OSError),
        wait=wait_exponential(multiplier=0.2, max=3),
        stop=stop_after_delay(patience),
        before_sleep=_tell,
        reraise=True,
    )
    try:
        added = attempts(add_products, host, int(port), products)
    except (OSError, StoreRefused) as error:
        log.error("failed: %s", error)
        return 1
    log.info("%d products added, %d were there", added, len(products) - added)
    return 0


def _interrupted(*_: object) -> None:
    log.info("interrupted; run again to finish")
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())

"""Starts the server; ends on SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from pricing.rates import OWN_TABLE, read_rates
from pricing.service import PricingServer

GRACE_SECONDS = 3
ENDING = {signal.SIGTERM, signal.SIGINT}

log = logging.getLogger("pricing")


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    port = int(os.environ.get("PORT", "50051"))
    table = Path(os.environ.get("RATES_FILE", OWN_TABLE))
    # Blocked and waited for: a handler could come while a lock is held.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        rates = read_rates(table)
        server = PricingServer(rates, port)
    except (OSError, ValueError, RuntimeError) as error:
        log.error("not started: %s", error)
        return 1
    server.start()
    log.info("listening on port %d, rates of revision %d", port, rates.revision)
    signal.sigwait(ENDING)
    server.stop(GRACE_SECONDS)
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

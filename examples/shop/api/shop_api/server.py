"""Starts the server on 127.0.0.1; ends on SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from shop_api.failures import Refused, Unavailable
from shop_api.order_ids import OrderIds
from shop_api.pricing_client import PricingClient
from shop_api.routes import Routes, tell_http, tell_refused, tell_unavailable
from shop_api.store_client import StoreClient

GRACE_SECONDS = 3

log = logging.getLogger("api")


def make_app(store_address: str, pricing_address: str, signing_key: str) -> Starlette:
    pricing = PricingClient(pricing_address)
    routes = Routes(StoreClient(store_address), pricing, OrderIds(signing_key))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pricing:
            log.info("store at %s, pricing at %s", store_address, pricing_address)
            yield

    return Starlette(
        routes=routes.routes(),
        lifespan=lifespan,
        exception_handlers={
            Unavailable: tell_unavailable,
            Refused: tell_refused,
            HTTPException: tell_http,
        },
    )


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    signing_key = os.environ.get("API_SIGNING_KEY", "")
    if not signing_key:
        log.error("not started: API_SIGNING_KEY is not set; it signs the ids of orders")
        return 1
    app = make_app(
        os.environ.get("STORE_ADDRESS", "store:7000"),
        os.environ.get("PRICING_ADDRESS", "pricing:50051"),
        signing_key,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # uvicorn ends well and then raises the signal again, for whoever was first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            app,
            host="127.0.0.1",
            port=int(os.environ.get("PORT", "8000")),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    finally:
        log.info("stopped")
    return 0

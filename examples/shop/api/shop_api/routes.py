"""What the shop's page and its worker ask for."""

from __future__ import annotations

import itertools
import json
import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from shop_api.failures import Refused, Unavailable
from shop_api.order_ids import OrderIds
from shop_api.pricing_client import PricingClient, Quote
from shop_api.store_client import StoreClient

LARGEST_BODY = 4096
MOST_ORDERS = 100
REFUSALS = {"unknown-product": 404, "unknown-order": 404, "sold-out": 409}

log = logging.getLogger("api")


class Routes:
    def __init__(
        self, store: StoreClient, pricing: PricingClient, ids: OrderIds
    ) -> None:
        self._store = store
        self._pricing = pricing
        self._ids = ids
        self._answers = itertools.count(1)

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.health),
            Route("/products", self.products),
            Route("/orders", self.orders),
            Route("/orders", self.place, methods=["POST"]),
            Route("/orders/{order_id}/packed", self.pack, methods=["POST"]),
        ]

    async def health(self, _: Request) -> PlainTextResponse:
        """Speaks for this service alone: a neighbour that is ill is not our illness."""
        return PlainTextResponse("ok\n")

    async def products(self, _: Request) -> JSONResponse:
        """Products with stock and price, and what each hop said of itself."""
        hops: dict[str, Any] = {"api": {"answer": next(self._answers)}}
        try:
            answer = await self._store.ask("products")
        except Unavailable as error:
            return JSONResponse({"message": str(error), "hops": hops}, status_code=503)
        products = answer.result
        hops |= {"store": answer.banner, "pricing": None}
        quote: Quote | None = None
        if products:
            try:
                quote = await self._pricing.quote([p["sku"] for p in products])
                hops["pricing"] = {"revision": quote.revision, "quote": quote.number}
            except Unavailable:
                pass  # what there is can be shown without prices
        for product in products:
            product["cents"] = quote.cents.get(product["sku"]) if quote else None
            product["currency"] = quote.currency if quote else None
        return JSONResponse({"products": products, "hops": hops})

    async def orders(self, request: Request) -> JSONResponse:
        """Newest orders first; with state=waiting, those to pack, oldest first."""
        limit = request.query_params.get("limit", "10")
        state = request.query_params.get("state", "")
        number = int(limit) if limit.isascii() and limit.isdigit() else 0
        if not 1 <= number <= MOST_ORDERS or state not in ("", "waiting"):
            raise HTTPException(
                400, "limit is 1 to 100, state is 'waiting' or not given"
            )
        answer = await self._store.ask(
            "orders", limit=number, waiting=state == "waiting"
        )
        return JSONResponse({"orders": [self._shown(o) for o in answer.result]})

    async def place(self, request: Request) -> JSONResponse:
        body = await _read_object(request)
        sku, quantity = body.get("sku"), body.get("quantity")
        if not isinstance(sku, str) or not sku or type(quantity) is not int:
            raise HTTPException(400, "an order is a sku and a quantity")
        quote = await self._pricing.quote([sku])
        if sku not in quote.cents:
            raise HTTPException(404, "there is no such product on sale")
        answer = await self._store.ask(
            "place",
            sku=sku,
            quantity=quantity,
            cents=quote.cents[sku],
            currency=quote.currency,
        )
        order = self._shown(answer.result)
        log.info("order %s placed: %d x %s", order["id"], quantity, sku)
        return JSONResponse(order, status_code=201)

    async def pack(self, request: Request) -> JSONResponse:
        number = self._ids.verify(request.path_params["order_id"])
        if number is None:
            raise HTTPException(404, "there is no such order")
        body = await _read_object(request)
        answer = await self._store.ask("pack", number=number, by=body.get("by"))
        order = self._shown(answer.result)
        log.info("order %s packed by %s", order["id"], order["packed_by"])
        return JSONResponse(order)

    def _shown(self, order: dict[str, Any]) -> dict[str, Any]:
        return {**order, "id": self._ids.sign(order["number"])}


async def _read_object(request: Request) -> dict[str, Any]:
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > LARGEST_BODY:
            raise HTTPException(413, f"a body has at most {LARGEST_BODY} bytes")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is no JSON object")
    return body


async def tell_unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"message": str(error)}, status_code=503)


async def tell_refused(_: Request, error: Exception) -> JSONResponse:
    code = error.code if isinstance(error, Refused) else ""
    status = REFUSALS.get(code, 400)
    return JSONResponse({"message": str(error)}, status_code=status)


async def tell_http(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "failed"
    return JSONResponse({"message": detail}, status_code=status)

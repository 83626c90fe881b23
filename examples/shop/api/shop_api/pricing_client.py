"""Asks pricing for quotes, over gRPC without generated code."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from shop_api.failures import Unavailable

QUOTE = "/shop.pricing.v1.Pricing/Quote"
TIMEOUT_SECONDS = 3.0
OPTIONS = [
    # A neighbour is never behind the proxy that the environment may name.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]

log = logging.getLogger("api")


@dataclass(frozen=True)
class Quote:
    """Prices in cents by sku, and which rates they were reckoned by."""

    cents: dict[str, int]
    currency: str
    revision: int
    number: int


class PricingClient:
    """Asks while it is entered: a channel belongs to the event loop it is made in."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def __aenter__(self) -> PricingClient:
        self._channel = grpc.aio.insecure_channel(self._address, options=OPTIONS)
        self._quote = self._channel.unary_unary(
            QUOTE,
            request_serializer=Struct.SerializeToString,
            response_deserializer=Struct.FromString,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    async def quote(self, skus: list[str]) -> Quote:
        """Return what is known of `skus`; raises Unavailable."""
        request = Struct()
        request.update({"skus": skus})
        try:
            # The channel connects anew by itself, with growing pauses.
            answer = await self._quote(
                request, timeout=TIMEOUT_SECONDS, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            log.warning("pricing does not answer: %s", error.code().name)
            raise Unavailable("pricing does not answer") from error
        fields = MessageToDict(answer)
        # A Struct knows one kind of number, the double.
        return Quote(
            cents={sku: int(cents) for sku, cents in fields["cents"].items()},
            currency=fields["currency"],
            revision=int(fields["revision"]),
            number=int(fields["quote"]),
        )

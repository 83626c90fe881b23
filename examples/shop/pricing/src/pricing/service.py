"""The gRPC server: `shop.pricing.v1.Pricing/Quote`, and health beside it.

Quote takes `{"skus": ["headlamp", ...]}` and returns `{"revision": 12, "quote": 7,
"currency": "EUR", "cents": {"headlamp": 5490}}`, both as google.protobuf.Struct, so
that neither side needs generated code. A sku without a price is left out.
"""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.struct_pb2 import Struct
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from pricing.rates import Rates

SERVICE = "shop.pricing.v1.Pricing"
MOST_SKUS = 1000

log = logging.getLogger("pricing")


class PricingServer:
    """Serves `rates` on a port of 127.0.0.1; raises RuntimeError where it is taken."""

    def __init__(self, rates: Rates, port: int) -> None:
        self._rates = rates
        self._quotes = itertools.count(1)
        self._health = health.HealthServicer()
        # Shared ports would let a second server start unseen and take half the calls.
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)]
        )
        quote = grpc.unary_unary_rpc_method_handler(
            self.quote,
            request_deserializer=Struct.FromString,
            response_serializer=Struct.SerializeToString,
        )
        handler = grpc.method_handlers_generic_handler(SERVICE, {"Quote": quote})
        self._server.add_generic_rpc_handlers((handler,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_insecure_port(f"127.0.0.1:{port}")

    def start(self) -> None:
        self._server.start()
        for name in ("", SERVICE):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace: float) -> None:
        """Say "not serving", let calls end for up to `grace` seconds, then stop."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()

    def quote(self, request: Struct, context: grpc.ServicerContext) -> Struct:
        fields = request.fields["skus"].list_value.values if "skus" in request else ()
        skus = [field.string_value for field in fields]
        if not 0 < len(skus) <= MOST_SKUS:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"'skus' is a list of 1 to {MOST_SKUS} texts",
            )
        number = next(self._quotes)
        cents = self._rates.quote(skus)
        log.info("quote %d: %d of %d skus priced", number, len(cents), len(skus))
        answer = Struct()
        answer.update(
            {
                "revision": self._rates.revision,
                "quote": number,
                "currency": self._rates.currency,
                "cents": cents,
            }
        )
        return answer

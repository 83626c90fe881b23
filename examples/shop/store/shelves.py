"""Products and orders as they are now, and the operations on them."""

import logging
import threading
import time
from collections.abc import Callable

from journal import FileJournal, MemoryJournal

log = logging.getLogger("store")

MOST_ORDERS = 100
MOST_PIECES = 99


class Refused(Exception):
    """A request that is not carried out; `code` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Shelves:
    """All changes go through the journal first; `sequence` counts them."""

    def __init__(self, journal: FileJournal | MemoryJournal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._products: dict[str, dict] = {}
        self._orders: dict[int, dict] = {}
        self._operations: dict[str, Callable[[dict], object]] = {
            "products": self._list_products,
            "add-product": self._add_product,
            "orders": self._list_orders,
            "place": self._place,
            "pack": self._pack,
        }
        self.sequence = 0
        self.kept = journal.kept
        with self._journal.turn() as changes:
            self._apply(changes)

    def do(self, request: dict) -> object:
        """Carry out one request; raises Refused, or OSError where the disk fails."""
        operation = self._operations.get(str(request.get("op")))
        if operation is None:
            known = ", ".join(self._operations)
            raise Refused("bad-request", f"'op' is one of {known}")
        with self._lock, self._journal.turn() as changes:
            self._apply(changes)
            return operation(request)

    def _change(self, change: dict) -> None:
        self._journal.append(change)
        self._apply([change])

    def _apply(self, changes: list[dict]) -> None:
        for change in changes:
            kind, what = change["change"], change["what"]
            if kind == "product":
                self._products[what["sku"]] = dict(what)
            elif kind == "order":
                self._orders[what["number"]] = {**what, "packed_by": None}
                self._products[what["sku"]]["stock"] -= what["quantity"]
            elif kind == "packed":
                self._orders[what["number"]].update(what)
            self.sequence += 1

    def _list_products(self, _: dict) -> list[dict]:
        return [dict(product) for product in self._products.values()]

    def _add_product(self, request: dict) -> dict:
        """Add a product unless its sku is there: asking twice changes nothing."""
        product = {key: _text(request, key) for key in ("sku", "name", "about")}
        product["stock"] = _whole(request, "stock", 0, 1_000_000)
        if product["sku"] in self._products:
            return {"added": False}
        self._change({"change": "product", "what": product})
        log.info("product %s added, %d in stock", product["sku"], product["stock"])
        return {"added": True}

    def _list_orders(self, request: dict) -> list[dict]:
        """The newest first; with `waiting`, those not packed yet, oldest first."""
        limit = _whole(request, "limit", 1, MOST_ORDERS)
        if request.get("waiting"):
            waiting = [o for o in self._orders.values() if not o["packed_by"]]
            return [dict(order) for order in waiting[:limit]]
        newest = sorted(self._orders, reverse=True)[:limit]
        return [dict(self._orders[number]) for number in newest]

    def _place(self, request: dict) -> dict:
        sku = _text(request, "sku")
        quantity = _whole(request, "quantity", 1, MOST_PIECES)
        product = self._products.get(sku)
        if product is None:
            raise Refused("unknown-product", f"there is no product {sku!r}")
        if product["stock"] < quantity:
            raise Refused("sold-out", f"{product['stock']} of {product['name']} left")
        order = {
            "number": max(self._orders, default=1000) + 1,
            "sku": sku,
            "name": product["name"],
            "quantity": quantity,
            "cents": _whole(request, "cents", 0, 100_000_000),
            "currency": _text(request, "currency"),
            "placed": time.time(),
        }
        self._change({"change": "order", "what": order})
        log.info("order %d placed: %d x %s", order["number"], quantity, sku)
        return dict(self._orders[order["number"]])

    def _pack(self, request: dict) -> dict:
        """Mark an order packed; one that is packed stays as it is."""
        number = _whole(request, "number", 1, 2**53)
        order = self._orders.get(number)
        if order is None:
            raise Refused("unknown-order", f"there is no order {number}")
        if not order["packed_by"]:
            by = _text(request, "by")
            what = {"number": number, "packed_by": by, "packed": time.time()}
            self._change({"change": "packed", "what": what})
            log.info("order %d packed by %s", number, by)
        return dict(order)


def _text(request: dict, key: str) -> str:
    value = request.get(key)
    if (
        not isinstance(value, str)
        or not value.isprintable()
        or not 0 < len(value) <= 200
    ):
        raise Refused("bad-request", f"{key!r} is a text of 1 to 200 characters")
    return value


def _whole(request: dict, key: str, least: int, most: int) -> int:
    value = request.get(key)
    if type(value) is not int or not least <= value <= most:
        raise Refused("bad-request", f"{key!r} is a number from {least} to {most}")
    return value

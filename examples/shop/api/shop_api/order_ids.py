"""Ids of orders: the store's number, signed, so that nobody can guess another's."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_LENGTH = 16


class OrderIds:
    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def sign(self, number: int) -> str:
        """Return the id of order `number`, such as 1001-9f86d081884c7d65."""
        return f"{number}-{self._signature(number)}"

    def verify(self, order_id: str) -> int | None:
        """Return the number of an id that this key signed, else None."""
        digits, _, signature = order_id.partition("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
            return None
        expected = self._signature(int(digits))
        # Compared as bytes: texts beyond ASCII would raise.
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        return int(digits)

    def _signature(self, number: int) -> str:
        whole = hmac.new(self._key, f"order {number}".encode(), hashlib.sha256)
        return whole.hexdigest()[:SIGNATURE_LENGTH]

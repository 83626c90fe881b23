"""The rate table: a TOML file with a revision."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

OWN_TABLE = Path(__file__).parent / "rates.toml"


@dataclass(frozen=True)
class Rates:
    revision: int
    currency: str
    cents: dict[str, int]

    def quote(self, skus: Iterable[str]) -> dict[str, int]:
        """Return the price in cents of each sku that has one."""
        return {sku: self.cents[sku] for sku in skus if sku in self.cents}


def read_rates(path: Path) -> Rates:
    """Read a rate table; raises OSError, or ValueError for one that is malformed."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        cents = {sku: int(price) for sku, price in table["cents"].items()}
        return Rates(int(table["revision"]), str(table["currency"]), cents)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no rate table: {error!r}") from error

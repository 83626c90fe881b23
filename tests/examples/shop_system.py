"""The whole shop as one system: its six apps, their ports, and its page."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

from shop_processes import App, Starter, StoreSession, free_port, wait_for

# Values that are nowhere in the example, so that they can only come over the hop.
RATES = """
revision = 4711
currency = "CHF"
[cents]
headlamp = 123456
rope-50 = 777
"""


@dataclass(frozen=True)
class Page:
    status: int
    html: str
    location: str | None

    def text(self) -> str:
        """What a reader sees, each run of blanks as one."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.html)).split())

    def hop(self, name: str) -> str:
        found = re.findall(rf'data-hop="{re.escape(name)}">([^<]*)<', self.html)
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def product(self, sku: str) -> tuple[str, int]:
        """Return the price and the stock that the page shows."""
        found = re.search(
            rf'data-sku="{sku}".*?data-price>([^<]*)<.*?data-stock>(\d+)<',
            self.html,
            re.S,
        )
        assert found, f"{sku} is not on the page"
        return found[1], int(found[2])

    def order(self, order_id: str) -> str:
        found = re.search(rf'data-order="{order_id}"(.*?)</tr>', self.html, re.S)
        assert found, f"{order_id} is not on the page"
        return Page(200, f"<tr{found[1]}", None).text()


class Shop:
    """The six apps; `early` is the page before pricing, store and migrate ran."""

    def __init__(self, starter: Starter) -> None:
        self.starter = starter
        self.ports = {n: free_port() for n in ("web", "api", "pricing", "store")}
        rates = starter.folder / "rates.toml"
        rates.write_text(RATES)
        (starter.folder / "data").mkdir()
        api = f"http://127.0.0.1:{self.ports['api']}"
        store = f"127.0.0.1:{self.ports['store']}"
        self.variables = {
            "web": {"API_URL": api},
            "api": {
                "PRICING_ADDRESS": f"127.0.0.1:{self.ports['pricing']}",
                "STORE_ADDRESS": store,
                "API_SIGNING_KEY": "a key for this test",
                # A company's proxy must not come between neighbours.
                "http_proxy": "http://127.0.0.1:9",
            },
            "pricing": {"RATES_FILE": str(rates)},
            "store": {"DATA_DIR": str(starter.folder / "data")},
            "worker": {"API_URL": api, "WORKER_NAME": "packer-7"},
            # As long as the others may take to start, which come first.
            "migrate": {"STORE_ADDRESS": store, "WAIT_SECONDS": "600"},
        }
        self.apps: dict[str, App] = {}
        for name in ("web", "worker", "api", "migrate"):
            self.start(name)
        for name in ("web", "api"):
            wait_for(lambda name=name: self.ask(name, "/healthz")[0] == 200, name)
        self.early = self.page()
        wait_for(lambda: "not there yet" in self.apps["migrate"].said(), "an attempt")
        self.early_alive = all(a.process.poll() is None for a in self.apps.values())
        self.start("store")
        self.start("pricing")
        self.migrated = self.apps["migrate"].process.wait(timeout=120)
        self.whole_page()

    def start(self, name: str) -> App:
        port = {"PORT": str(self.ports[name])} if name in self.ports else {}
        self.apps[name] = self.starter.start(name, **port, **self.variables[name])
        return self.apps[name]

    def ask(
        self, name: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, str, str | None]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.ports[name], timeout=120
        )
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers["Location"]
        finally:
            connection.close()

    def page(self, path: str = "/") -> Page:
        return Page(*self.ask("web", path))

    def whole_page(self) -> Page:
        """The page that every neighbour has answered for in time."""

        def ask() -> Page | None:
            page = self.page()
            priced = page.product("headlamp")[0] != "price unknown"
            return page if priced and page.status == 200 else None

        return wait_for(ask, "a page with everything")

    def order(self, sku: str, quantity: str, **headers: str) -> Page:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        form = urlencode({"sku": sku, "quantity": quantity})
        return Page(*self.ask("web", "/orders", form, **headers))

    def sequence(self) -> int:
        with StoreSession(self.ports["store"]) as store:
            return int(store.banner["sequence"])

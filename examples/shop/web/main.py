"""The shop's page: what there is, what was ordered, and a form to order more."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from api_client import ApiClient, ApiFailed
from flask import Flask, Response, redirect, render_template, request, url_for
from waitress import serve

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

log = logging.getLogger("web")
renderings = itertools.count(1)
api = ApiClient(os.environ.get("API_URL", "http://api:8000"))
app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4096


@app.get("/healthz")
def health() -> Response:
    """Speaks for this service alone: without the api there is still a page."""
    return Response("ok\n", mimetype="text/plain")


@app.get("/")
def page() -> tuple[str, int]:
    return show_page()


@app.post("/orders")
def place_order() -> Response | tuple[str, int]:
    # A form on somebody else's page must not order here.
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return show_page("Orders are placed on this page only.", 403)
    sku, quantity = request.form.get("sku", ""), request.form.get("quantity", "")
    if not sku or not (quantity.isascii() and quantity.isdigit() and len(quantity) < 4):
        return show_page("Please say how many, as a whole number.", 400)
    try:
        order = api.ask("POST", "/orders", {"sku": sku, "quantity": int(quantity)})
    except ApiFailed as error:
        log.info("order of %s refused: %s", ascii(sku), error)
        return show_page(f"The order was not placed: {error}.", error.status)
    log.info("order %s placed", order["id"])
    return redirect(url_for("page", placed=order["id"]), 303)


def show_page(problem: str = "", status: int = 200) -> tuple[str, int]:
    """Render the page; where the api is away it says so, with status 503."""
    catalogue: dict[str, Any] = {"products": [], "hops": {}}
    orders: list[dict[str, Any]] = []
    try:
        catalogue = api.ask("GET", "/products")
        orders = api.ask("GET", "/orders?limit=10")["orders"]
    except ApiFailed as error:
        log.warning("the page lacks something: %s", error)
        catalogue["hops"] = catalogue["hops"] or error.content.get("hops", {})
        problem = problem or f"The shop is not complete just now: {error}."
        status = status if status != 200 else 503
    placed = request.args.get("placed", "")
    hops = {"web": {"rendering": next(renderings)}, **catalogue["hops"]}
    html = render_template(
        "page.html",
        products=catalogue["products"],
        orders=orders,
        placed=next((order for order in orders if order["id"] == placed), None),
        problem=problem,
        hops=hops,
    )
    return html, status


@app.after_request
def harden(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


@app.template_filter("money")
def show_money(cents: int, currency: str) -> str:
    return f"{cents / 100:,.2f} {currency}"


@app.template_filter("moment")
def show_moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def main() -> int:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    port = int(os.environ.get("PORT", "8000"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("listening on port %d", port)
    serve(app, host="0.0.0.0", port=port, threads=8, ident=None, _quiet=True)
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

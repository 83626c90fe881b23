"""All six apps together, without a mesh: what the page shows crossed every hop."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from shop_processes import Starter, StoreSession, free_port, wait_for
from shop_system import Shop

pytestmark = [pytest.mark.slow, pytest.mark.processes]

SERVICES = ("web", "api", "worker", "pricing", "store")


@pytest.fixture(scope="module")
def shop(installed_starter: Starter) -> Shop:
    return Shop(installed_starter)


def test_nobody_falls_when_neighbours_come_late(shop: Shop) -> None:
    assert shop.early_alive
    assert shop.early.status == 503
    assert "not complete just now: the store does not answer." in shop.early.text()
    assert shop.early.hop("web.rendering") == "1"
    assert shop.early.hop("api.answer") == "1"
    assert "pricing not asked store no answer" in shop.early.text()
    assert "the store is not there yet" in shop.apps["migrate"].said()


def test_the_page_shows_what_every_hop_says(shop: Shop) -> None:
    page = shop.whole_page()
    assert page.product("headlamp") == ("1,234.56 CHF", 40)
    assert page.product("rope-50") == ("7.77 CHF", 12)
    assert page.product("dry-bag") == ("price unknown", 60)
    assert page.hop("pricing.revision") == "4711"
    assert page.hop("store.sequence") == str(shop.sequence())
    assert page.hop("store.kept") == "file"
    with StoreSession(shop.ports["store"]) as store:
        assert 0 < float(page.hop("store.uptime")) <= store.banner["uptime"]
    later = shop.page()
    for count in ("web.rendering", "api.answer", "pricing.quote"):
        assert int(later.hop(count)) == int(page.hop(count)) + 1


def test_an_order_is_placed_and_packed(shop: Shop) -> None:
    before, stock = shop.sequence(), shop.whole_page().product("headlamp")[1]
    placed = shop.order("headlamp", "2")
    assert placed.status == 303
    assert placed.location
    order_id = placed.location.removeprefix("/?placed=")
    assert re.fullmatch(r"\d+-[0-9a-f]{16}", order_id)
    page = shop.page(placed.location)
    assert "Thank you: order" in page.text()
    assert page.product("headlamp")[1] == stock - 2
    assert "2 × Headlamp 2,469.12 CHF" in page.order(order_id)

    wait_for(lambda: "packed by packer-7" in shop.page().order(order_id), "packing")
    assert shop.sequence() == before + 2
    # Each says so when it has its answer, which is after the store's page changed.
    for name, line in (
        ("worker", f"packed {order_id}: 2 x headlamp"),
        ("api", f"order {order_id} packed by packer-7"),
    ):
        wait_for(lambda n=name, text=line: text in shop.apps[n].said(), line)


@pytest.mark.parametrize(
    ("sku", "quantity", "status", "sentence"),
    [
        ("headlamp", "many", 400, "Please say how many, as a whole number."),
        ("headlamp", "-1", 400, "Please say how many, as a whole number."),
        ("headlamp", "0", 400, "'quantity' is a number from 1 to 99"),
        ("rope-50", "13", 409, "12 of Static rope, 50 m left"),
        ("boat", "1", 404, "there is no such product on sale"),
        ("dry-bag", "1", 404, "there is no such product on sale"),
        ("<script>", "1", 404, "there is no such product on sale"),
    ],
)
def test_a_bad_order_is_a_sentence_on_the_page(
    shop: Shop, sku: str, quantity: str, status: int, sentence: str
) -> None:
    before = shop.sequence()
    answer = shop.order(sku, quantity)
    assert (answer.status, answer.location) == (status, None)
    assert sentence in answer.text()
    assert answer.product("headlamp")[0] == "1,234.56 CHF"
    assert "<script>" not in answer.html
    assert shop.sequence() == before


def test_nobody_orders_from_another_page(shop: Shop) -> None:
    before = shop.sequence()
    answer = shop.order("headlamp", "1", **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    assert shop.sequence() == before


@pytest.mark.parametrize("order_id", ["1001", "1001-", "1001-0000000000000000", "ä-ö"])
def test_an_order_s_id_is_not_guessed(shop: Shop, order_id: str) -> None:
    where = f"/orders/{urlencode({'': order_id})[1:]}/packed"
    status, text, _ = shop.ask("api", where, json.dumps({"by": "thief"}))
    assert (status, json.loads(text)) == (404, {"message": "there is no such order"})


@pytest.mark.parametrize(
    ("body", "status"),
    [("", 400), ("[]", 400), ('{"sku": 1}', 400), ("x" * 5000, 413), ("[" * 4000, 400)],
)
def test_the_api_refuses_what_is_no_order(shop: Shop, body: str, status: int) -> None:
    assert shop.ask("api", "/orders", body)[0] == status


def test_migrating_again_changes_nothing(shop: Shop) -> None:
    assert shop.migrated == 0
    assert shop.apps["migrate"].said().splitlines()[-1] == (
        "6 products added, 0 were there"
    )
    before = shop.sequence()
    again = shop.start("migrate")
    assert again.process.wait(timeout=120) == 0
    assert again.said().splitlines() == ["0 products added, 6 were there"]
    assert shop.sequence() == before


def test_pricing_answers_for_its_health(shop: Shop) -> None:
    options = [("grpc.enable_http_proxy", 0)]
    address = f"127.0.0.1:{shop.ports['pricing']}"
    with grpc.insecure_channel(address, options=options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "shop.pricing.v1.Pricing"):
            request = health_pb2.HealthCheckRequest(service=service)
            answer = stub.Check(request, timeout=60)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_without_pricing_there_is_a_page_without_prices(shop: Shop) -> None:
    assert shop.apps["pricing"].end() == 0
    page = shop.page()
    assert page.status == 200
    assert page.product("headlamp")[0] == "price unknown"
    assert "<form" not in page.html
    assert "pricing no answer" in page.text()
    assert "pricing does not answer" in shop.order("headlamp", "1").text()
    shop.start("pricing")
    assert shop.whole_page().product("headlamp")[0] == "1,234.56 CHF"


def test_the_store_comes_back_with_everything_it_had(shop: Shop) -> None:
    order_id = (shop.order("rope-50", "1").location or "").removeprefix("/?placed=")
    wait_for(lambda: "packed by" in shop.page().order(order_id), "packing")
    before = shop.sequence()
    assert shop.apps["store"].end() == 0
    assert shop.page().status == 503
    assert shop.ask("web", "/healthz")[0] == shop.ask("api", "/healthz")[0] == 200
    shop.start("store")
    page = shop.whole_page()
    assert "packed by packer-7" in page.order(order_id)
    assert page.hop("store.sequence") == str(before)


def test_the_worker_goes_on_when_the_api_is_back(shop: Shop) -> None:
    before = len(shop.apps["worker"].said())
    assert shop.apps["api"].end() == 0
    page = shop.page()
    assert page.status == 503
    assert "the api does not answer" in page.text()
    assert "api no answer pricing not asked store not asked" in page.text()
    worker = shop.apps["worker"]
    wait_for(lambda: "; again in" in worker.said()[before:], "a line about it")
    shop.start("api")
    shop.whole_page()
    placed = shop.order("headlamp", "1").location or ""
    order_id = placed.removeprefix("/?placed=")
    wait_for(lambda: "packed by packer-7" in shop.page().order(order_id), "packing")


def test_the_page_asks_for_nothing_from_elsewhere(shop: Shop) -> None:
    page = shop.page()
    assert re.findall(r'(?:href|src)="([^"]*)"', page.html) == [
        "/static/shop.css",
        "/",
    ]
    assert shop.ask("web", "/static/shop.css")[0] == 200
    assert "url(" not in shop.ask("web", "/static/shop.css")[1]


def test_the_api_says_which_secret_it_lacks(shop: Shop) -> None:
    app = shop.starter.start("api", PORT=str(free_port()))
    assert app.process.wait(timeout=120) == 1
    assert app.said().splitlines() == [
        "not started: API_SIGNING_KEY is not set; it signs the ids of orders"
    ]


def test_a_job_whose_store_never_comes_fails_with_a_sentence(shop: Shop) -> None:
    app = shop.starter.start(
        "migrate", STORE_ADDRESS=f"127.0.0.1:{free_port()}", WAIT_SECONDS="1"
    )
    assert app.process.wait(timeout=120) == 1
    assert app.said().splitlines()[-1] == "failed: [Errno 111] Connection refused"


def test_all_end_well_when_they_are_told_to(shop: Shop) -> None:
    assert {name: shop.apps[name].end() for name in SERVICES} == dict.fromkeys(
        SERVICES, 0
    )
    for name in SERVICES:
        assert shop.apps[name].said().splitlines()[-1] == "stopped"
        assert "Traceback" not in shop.apps[name].said()

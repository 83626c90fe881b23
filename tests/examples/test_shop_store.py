"""The store alone: standard library only, so it runs with any Python."""

from __future__ import annotations

import resource
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from shop_processes import App, Starter, StoreSession, free_port, wait_for

pytestmark = pytest.mark.processes

PRODUCT = {"sku": "rope", "name": "Rope", "about": "9 mm", "stock": 3}
ORDER = {"sku": "rope", "cents": 11900, "currency": "EUR"}


@pytest.fixture
def start(starter: Starter, tmp_path: Path) -> Callable[..., tuple[App, int]]:
    """Start a store on a port of its own and wait until it answers."""

    def start_store(folder: Path = tmp_path) -> tuple[App, int]:
        port = free_port()
        app = starter.start("store", PORT=str(port), DATA_DIR=str(folder))
        wait_for(lambda: asks(port), "the store answers")
        return app, port

    return start_store


def asks(port: int) -> bool:
    with StoreSession(port) as store:
        return store.banner["service"] == "store"


def test_it_speaks_first(start: Callable[..., tuple[App, int]]) -> None:
    began = time.monotonic()
    _, port = start()
    with StoreSession(port) as store:
        uptime = store.banner.pop("uptime")
        assert store.banner == {"service": "store", "sequence": 0, "kept": "file"}
        assert 0 <= uptime <= time.monotonic() - began
        assert store.ask("products") == []


def test_a_product_is_added_once(start: Callable[..., tuple[App, int]]) -> None:
    _, port = start()
    with StoreSession(port) as store:
        assert store.ask("add-product", **PRODUCT) == {"added": True}
        assert store.ask("add-product", **PRODUCT | {"stock": 99}) == {"added": False}
        assert store.ask("products") == [PRODUCT]


def test_what_is_sold_is_no_longer_in_stock(
    start: Callable[..., tuple[App, int]],
) -> None:
    app, port = start()
    with StoreSession(port) as store:
        store.ask("add-product", **PRODUCT)
        order = store.ask("place", quantity=2, **ORDER)
        assert order.pop("placed") == pytest.approx(time.time(), abs=60)
        placed = ORDER | {"number": 1001, "name": "Rope", "quantity": 2}
        assert order == placed | {"packed_by": None}
        assert store.ask("place", quantity=2, **ORDER) == "sold-out"
        assert [p["stock"] for p in store.ask("products")] == [1]
        assert store.ask("pack", number=1001, by="ann")["packed_by"] == "ann"
        assert store.ask("pack", number=1001, by="bob")["packed_by"] == "ann"
        assert store.ask("orders", limit=5, waiting=True) == []
    with StoreSession(port) as store:
        assert store.banner["sequence"] == 3
    assert app.end() == 0
    assert app.said().splitlines()[-4:] == [
        "product rope added, 3 in stock",
        "order 1001 placed: 2 x rope",
        "order 1001 packed by ann",
        "stopped",
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"hello\n", "bad-request"),
        (b"[1]\n", "bad-request"),
        (b'{"op": "drop"}\n', "bad-request"),
        (b'{"op": ["products"]}\n', "bad-request"),
        (b'{"op": "orders", "limit": 1e9}\n', "bad-request"),
        (b'{"op": "orders", "limit": true}\n', "bad-request"),
        (b'{"op": "pack", "number": 7, "by": "ann"}\n', "unknown-order"),
        (b'{"op": "place", "sku": "boat", "quantity": 1}\n', "unknown-product"),
        (b'{"op": "place", "sku": "a\\nb", "quantity": 1}\n', "bad-request"),
        (b"[" * 9000 + b"\n", "bad-request"),
        (b"x" * 20000 + b"\n", "bad-request"),
    ],
)
def test_a_bad_request_is_answered_and_changes_nothing(
    start: Callable[..., tuple[App, int]], line: bytes, code: str
) -> None:
    _, port = start()
    with StoreSession(port) as store:
        assert store.say(line)["error"] == code
    with StoreSession(port) as store:
        assert store.banner["sequence"] == 0


def test_a_probe_that_only_connects_is_no_event(
    start: Callable[..., tuple[App, int]],
) -> None:
    app, port = start()
    for _ in range(3):
        socket.create_connection(("127.0.0.1", port)).close()
    app.end()
    assert [line.split(" ")[0] for line in app.said().splitlines()] == [
        "keeping",
        "listening",
        "stopped",
    ]


def test_it_ends_also_when_it_is_told_to_at_a_busy_moment(
    starter: Starter, tmp_path: Path
) -> None:
    # Where a signal's handler sets an Event, about one in four of these hangs.
    ports = [free_port() for _ in range(12)]
    folder = str(tmp_path)
    apps = [starter.start("store", PORT=str(p), DATA_DIR=folder) for p in ports]
    for app, port in zip(apps, ports, strict=True):
        wait_for(lambda app=app: "listening" in app.said(), "the store listens")
        for _ in range(3):
            socket.create_connection(("127.0.0.1", port)).close()
        app.process.terminate()
    assert [app.process.wait(timeout=120) for app in apps] == [0] * len(apps)


def test_everything_outlives_a_kill_and_a_half_written_line(
    start: Callable[..., tuple[App, int]], tmp_path: Path
) -> None:
    app, port = start()
    with StoreSession(port) as store:
        store.ask("add-product", **PRODUCT)
        order = store.ask("place", quantity=1, **ORDER)
    app.end(signal.SIGKILL)
    with (tmp_path / "journal.jsonl").open("ab") as journal:
        # Longer than the next change, which must not leave a rest of it behind.
        journal.write(b'{"change": "order", "what": {"name": "' + b"x" * 1000)
    app, port = start()
    with StoreSession(port) as store:
        assert store.ask("orders", limit=5) == [order]
        following = store.ask("place", quantity=1, **ORDER)
        assert following["number"] == 1002
    app.end()
    _, port = start()
    with StoreSession(port) as store:
        assert store.ask("orders", limit=5) == [following, order]


def test_a_change_that_the_disk_refuses_leaves_nothing(
    start: Callable[..., tuple[App, int]], tmp_path: Path
) -> None:
    app, port = start()
    with StoreSession(port) as store:
        store.ask("add-product", **PRODUCT)
        kept = (tmp_path / "journal.jsonl").read_bytes()
        limit = resource.RLIMIT_FSIZE
        before = resource.prlimit(app.process.pid, limit)
        resource.prlimit(app.process.pid, limit, (len(kept) + 10, before[1]))
        assert store.ask("place", quantity=1, **ORDER) == "unavailable"
        assert (tmp_path / "journal.jsonl").read_bytes() == kept
        assert store.ask("products") == [PRODUCT]
        resource.prlimit(app.process.pid, limit, before)
        assert store.ask("place", quantity=1, **ORDER)["number"] == 1001


def test_an_old_and_a_new_release_share_the_journal(
    start: Callable[..., tuple[App, int]],
) -> None:
    _, old = start()
    _, new = start()
    with StoreSession(old) as first, StoreSession(new) as second:
        first.ask("add-product", **PRODUCT)
        assert second.ask("place", quantity=1, **ORDER)["number"] == 1001
        assert first.ask("place", quantity=1, **ORDER)["number"] == 1002
        assert second.ask("products") == [PRODUCT | {"stock": 1}]
        assert first.ask("orders", limit=9) == second.ask("orders", limit=9)


def test_a_folder_that_cannot_be_written_means_memory_and_a_line_that_says_so(
    start: Callable[..., tuple[App, int]], tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.write_text("a file where a folder should be")
    app, port = start(closed)
    with StoreSession(port) as store:
        assert store.banner["kept"] == "memory"
        assert store.ask("add-product", **PRODUCT) == {"added": True}
        assert store.ask("products") == [PRODUCT]
    assert app.said().splitlines()[0] == (
        f"keeping everything in memory: {closed}/journal.jsonl: Not a directory; "
        "orders end with this process"
    )


def test_a_damaged_journal_is_not_started_upon(
    starter: Starter, tmp_path: Path
) -> None:
    (tmp_path / "journal.jsonl").write_text("no json\n")
    app = starter.start("store", PORT=str(free_port()), DATA_DIR=str(tmp_path))
    assert app.process.wait(timeout=120) == 1
    assert app.said().splitlines()[-1] == (
        f"not started: {tmp_path}/journal.jsonl holds a line that is no JSON"
    )

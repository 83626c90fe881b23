"""A receipt as text: nothing lost, nothing believed, never beyond its room."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karst.config.slug import Slug
from karst.fetch.lock import LockedBase, LockEntry, RepoLock
from karst.terraform.receipt import (
    ABSENT,
    NETWORK,
    Mark,
    Receipt,
    VoidReceiptError,
    differing,
    mark,
)
from karst.terraform.receipt_text import LONGEST, decode, encode

PYTHON = LockedBase("python:3.12-slim", "3.12", "sha256:" + "ab" * 32)
RECEIPT = Receipt(
    repository="acme/shop",
    stack="shop",
    target="ssh://deploy@host",
    label="eu",
    request=7,
    head="c1" * 20,
    karst="1.2.3",
    services={
        "api": {"release": mark({"env": {"A": "1"}, "image": "i"})},
        "old": {"release": ABSENT},
        NETWORK: {"network": mark({"name": "n"})},
    },
    pins=RepoLock.of(
        [
            LockEntry(
                "api",
                Slug("gh", "acme/api", "main"),
                "src",
                "c2" * 20,
                "t2" * 20,
                base=PYTHON,
            ),
            LockEntry("db", image="postgres:17", digest="sha256:" + "cd" * 32),
        ]
    ),
    base="c0" * 20,
    serial=12,
    body="ff" * 32,
)


def unique(number: int, length: int) -> str:
    return hashlib.sha512(str(number).encode()).hexdigest()[:length]


def of_many(count: int) -> Receipt:
    """Every service new, with a release of 20 fields, edges, a commit of its own."""
    entry = {f"field{i:02d}": "" for i in range(20)}
    services = {}
    pins = []
    for i in range(count):
        release = mark({name: unique(i, 9) + name for name in entry})
        edges = mark({"calls": [unique(i, 9)]})
        services[f"service-{unique(i, 6)}"] = {"release": release, "edges": edges}
        slug = Slug("gh", f"acme/service-{unique(i, 6)}", "main")
        pin = LockEntry(
            f"service-{unique(i, 6)}",
            slug,
            commit=unique(i, 40),
            tree=unique(i + 1000, 40),
            base=PYTHON,
        )
        pins.append(pin)
    return replace(RECEIPT, services=services, pins=RepoLock.of(pins))


def packed(document: object) -> str:
    return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()


def test_what_is_written_is_read() -> None:
    assert decode(encode(RECEIPT)) == RECEIPT


@given(
    st.builds(
        Receipt,
        repository=st.text(),
        stack=st.text(),
        target=st.text(),
        label=st.text(),
        request=st.integers(0, 2**62),
        head=st.text(),
        karst=st.text(),
        services=st.dictionaries(
            st.text(),
            st.dictionaries(
                st.sampled_from(["release", "edges", "door", "text"]),
                st.builds(Mark, st.text(), st.text()),
                max_size=3,
            ),
            max_size=4,
        ),
        serial=st.none() | st.integers(0, 2**62),
        limited=st.booleans(),
    )
)
def test_any_text_comes_back(receipt: Receipt) -> None:
    assert decode(encode(receipt)) == receipt


def test_its_text_can_end_no_comment_and_is_one_word() -> None:
    text = encode(replace(RECEIPT, label="--> \n <!-- @team"))
    assert set(text) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    )


def test_a_hundred_services_fit_with_their_fields() -> None:
    text = encode(of_many(100))
    assert len(text) <= LONGEST
    assert all(marks["release"].fields for marks in decode(text).services.values())


def test_beyond_that_the_fields_go_first_then_there_is_none() -> None:
    some = of_many(150)
    kept = decode(encode(some)).services
    assert {m["release"].fields for m in kept.values()} == {""}
    assert {n: m["release"].digest for n, m in kept.items()} == {
        n: m["release"].digest for n, m in some.services.items()
    }
    with pytest.raises(VoidReceiptError, match="200 services change at once"):
        encode(of_many(200))


DOCUMENT = json.loads(zlib.decompress(base64.b64decode(encode(RECEIPT))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "é",
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        encode(RECEIPT)[:-8],
        packed("text"),
        packed([]),
        packed({}),
        packed(None),
        packed({**DOCUMENT, "v": 2}),
        packed({**DOCUMENT, "request": "7"}),
        packed({**DOCUMENT, "request": -1}),
        packed({**DOCUMENT, "request": True}),
        packed({**DOCUMENT, "head": None}),
        packed({**DOCUMENT, "serial": "x"}),
        packed({**DOCUMENT, "services": []}),
        packed({**DOCUMENT, "services": {"api": {"release": "x"}}}),
        packed({**DOCUMENT, "services": {"api": {"release": ["a", "b", "c"]}}}),
        packed({**DOCUMENT, "services": {"api": {"release": [1]}}}),
        packed({**DOCUMENT, "services": {"api": {"other": ["a"]}}}),
        packed({**DOCUMENT, "pins": [{"service": 1}]}),
        packed({**DOCUMENT, "pins": [{"service": "a", "slug": "xx:y"}]}),
        packed({**DOCUMENT, "pins": [{"service": "a", "base": ["a"]}]}),
        packed({**DOCUMENT, "pins": [{"service": "a", "base": "abcd"}]}),
        packed({k: v for k, v in DOCUMENT.items() if k != "body"}),
        base64.b64encode(
            zlib.compress(json.dumps(DOCUMENT).encode()) + b"more"
        ).decode(),
    ],
)
def test_whatever_else_is_void(text: str) -> None:
    with pytest.raises(VoidReceiptError):
        decode(text)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fall(data: bytes) -> None:
    with pytest.raises(VoidReceiptError):
        decode(base64.b64encode(zlib.compress(data)).decode())


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(b"[" * 50_000_000, 9)).decode()
    with pytest.raises(VoidReceiptError, match="too long"):
        decode(bomb)


def test_fields_that_differ_are_named() -> None:
    before = {"env": {"A": "1"}, "image": "i", "user": None}
    said = mark(before)
    assert differing(before, said) == ()
    assert differing({**before, "env": {"A": "2"}, "user": "5"}, said) == (
        "env",
        "user",
    )
    # Another version's fields, or none: better no name than a wrong one.
    assert differing({**before, "more": 1, "image": "j"}, said) == ()
    assert differing({**before, "image": "j"}, Mark(said.digest)) == ()


def test_a_mark_does_not_mind_tuples_and_order() -> None:
    assert mark({"a": (1, 2), "b": 1}) == mark({"b": 1, "a": [1, 2]})
    assert mark({"a": (1, 2)}).digest != mark({"a": (2, 1)}).digest

"""The receipt: what a plan showed for each service, so that apply can compare. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from karst.config.slug import parse_slug
from karst.errors import SlugError
from karst.fetch.lock import LockedBase, LockEntry, RepoLock

VERSION = 1
# What will not be there: a removed service, a door that is closed for good.
NONE = "none"
# Stands where a service's name stands; no service can be called so.
NETWORK = "(network)"
# Of a hundred services that all change, with a commit each: about 16,000.
LONGEST = 24_000
_LONGEST_JSON = 400_000

Part = Literal["release", "edges", "door", "network", "text"]
_PARTS: tuple[Part, ...] = get_args(Part)


class VoidReceiptError(ValueError):
    """A receipt that does not count, and why; to be told, not to fail by."""


@dataclass(frozen=True)
class Mark:
    """What one part of a service will be.

    Attributes:
        digest: 32 hex digits over its canonical JSON, or NONE.
        fields: two hex digits for each of its fields, by name: they say which field
            differs, and prove nothing; "" where there was no room for them.
    """

    digest: str
    fields: str = ""


Marks = Mapping[Part, Mark]


@dataclass(frozen=True)
class Receipt:
    """What one plan of a request showed. Only what it would change is named.

    Attributes:
        repository: the calling repository, `acme/shop`.
        stack, target, label: the comment that it belongs to.
        request: number of the request.
        head: the request's last commit when it was planned.
        karst: version of karst that planned.
        services: service (or NETWORK) => part => what that will be.
        pins: commit, tree and base image of each service named.
        base, serial: the base's commit and the state's serial, to explain by.
        body: SHA-256 (hex) of the comment's visible text.
        planned: when, in seconds since 1970: a later plan has seen more of the branch.
        incidental: services named that the request itself does not change: they lagged
            behind the branch when it was planned, or a branch they follow moved on.
        limited: made without state or engine; "text" then stands for "release".
    """

    repository: str
    stack: str
    target: str
    label: str
    request: int
    head: str
    karst: str
    services: Mapping[str, Marks] = field(default_factory=dict)
    pins: RepoLock = field(default_factory=RepoLock)
    base: str = ""
    serial: int | None = None
    body: str = ""
    planned: int = 0
    incidental: tuple[str, ...] = ()
    limited: bool = False

    def says(self, service: str, part: Part) -> Mark | None:
        """What it says of a part, None where it does not name it."""
        marks = self.services.get(service, {})
        if self.limited and part in ("release", "door") and "text" in marks:
            return marks["text"]
        return marks.get(part)


def deciding(
    receipts: Iterable[Receipt], service: str, part: Part
) -> tuple[Receipt, ...]:
    """The receipts that decide about a part, the one to go by first; at most two.

    The newest of a request that changes the service itself; then the newest of all,
    where that is newer: it was planned with everything that was merged by then.

    Args:
        receipts: in the order in which their requests came into the branch.
    """
    order = sorted(receipts, key=lambda r: r.planned)
    naming = [r for r in order if r.says(service, part)][::-1]
    own = [r for r in naming if service not in r.incidental]
    return (
        (own[0], *([naming[0]] if naming[0] is not own[0] else []))
        if own
        else tuple(naming[:1])
    )


def mark(entry: Mapping[str, Any]) -> Mark:
    """The mark of a part, given as its fields."""
    fields = "".join(_sha256(entry[name])[:2] for name in sorted(entry))
    return Mark(_sha256(entry)[:32], fields)


ABSENT = Mark(NONE)


def differing(entry: Mapping[str, Any], said: Mark) -> tuple[str, ...]:
    """Names of the fields in which `entry` is not what a receipt said.

    Empty where that can't be told: another version's fields, or no room for them.
    """
    here = mark(entry).fields
    if len(here) != len(said.fields):
        return ()
    return tuple(
        name
        for place, name in enumerate(sorted(entry))
        if here[2 * place : 2 * place + 2] != said.fields[2 * place : 2 * place + 2]
    )


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()


# --- as text ---


def encode(receipt: Receipt) -> str:
    """The receipt in base64, without white space; raises VoidReceiptError beyond LONGEST.

    Where there is no room, the fields' marks go first: the refusal of a change then
    names the service only.
    """
    for with_fields in (True, False):
        text = json.dumps(
            _document(receipt, with_fields), sort_keys=True, separators=(",", ":")
        )
        packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
        if len(packed) <= LONGEST:
            return packed
    raise VoidReceiptError(
        f"{len(receipt.services)} services change at once, more than a receipt has room for"
    )


def decode(payload: str) -> Receipt:
    """Read what `encode` wrote; raises VoidReceiptError for anything else."""
    try:
        # Before the signature is looked at: bounded, and nothing is believed.
        inflate = zlib.decompressobj()
        packed = base64.b64decode(payload.encode("ascii"), validate=True)
        text = inflate.decompress(packed, _LONGEST_JSON)
        if inflate.unconsumed_tail or not inflate.eof or inflate.unused_data:
            raise VoidReceiptError("the receipt is cut off or too long")
        return _parse(json.loads(text))
    except VoidReceiptError:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        binascii.Error,
        zlib.error,
        SlugError,
    ) as error:
        raise VoidReceiptError(f"the receipt can't be read ({error})") from None


def _document(receipt: Receipt, with_fields: bool) -> dict[str, Any]:
    return {
        "v": VERSION,
        "repository": receipt.repository,
        "stack": receipt.stack,
        "target": receipt.target,
        "label": receipt.label,
        "request": receipt.request,
        "head": receipt.head,
        "karst": receipt.karst,
        "base": receipt.base,
        "serial": receipt.serial,
        "body": receipt.body,
        "planned": receipt.planned,
        "incidental": list(receipt.incidental),
        "limited": receipt.limited,
        "services": {
            name: {
                part: [m.digest, m.fields] if with_fields else [m.digest]
                for part, m in marks.items()
            }
            for name, marks in receipt.services.items()
        },
        "pins": [pin_document(entry) for entry in receipt.pins.entries],
    }


def _parse(document: Any) -> Receipt:
    if document["v"] != VERSION:
        raise VoidReceiptError(
            f"the receipt is of version {document['v']!r:.20}, and this karst reads {VERSION}"
        )
    serial = document["serial"]
    return Receipt(
        **{name: _text(document[name]) for name in _TEXTS},
        request=_number(document["request"]),
        planned=_number(document["planned"]),
        incidental=tuple(_texts(document["incidental"])),
        serial=None if serial is None else _number(serial),
        limited=document["limited"] is True,
        services={
            _text(name): {_part(part): Mark(*_texts(m)) for part, m in marks.items()}
            for name, marks in document["services"].items()
        },
        pins=RepoLock.of(parse_pin(entry) for entry in document["pins"]),
    )


_TEXTS = ("repository", "stack", "target", "label", "head", "karst", "base", "body")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise VoidReceiptError(f"{value!r:.40} stands where text belongs")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise VoidReceiptError(f"{value!r:.40} stands where a list belongs")
    return [_text(each) for each in value]


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise VoidReceiptError(f"{value!r:.40} stands where a number belongs")
    return value


def _part(value: object) -> Part:
    for part in _PARTS:
        if value == part:
            return part
    raise VoidReceiptError(f"{value!r:.40} is no part of a service")


# --- pins ---


def pin_document(entry: LockEntry) -> dict[str, Any]:
    """What of a pin has to be kept so that it can be planned with again."""
    base = entry.base
    kept = {
        "service": entry.service,
        "slug": str(entry.slug) if entry.slug else "",
        "path": entry.path,
        "commit": entry.commit,
        "tree": entry.tree,
        "base": base and [base.reference, base.python, base.digest, base.image_id],
        "image": entry.image,
        "digest": entry.digest,
    }
    return {name: value for name, value in kept.items() if value}


def parse_pin(document: Mapping[str, Any]) -> LockEntry:
    """Read what `pin_document` wrote; raises VoidReceiptError, or as Python does."""
    names = ("service", "path", "commit", "tree", "image", "digest")
    slug, base = document.get("slug"), document.get("base")
    return LockEntry(
        **{name: _text(document.get(name, "")) for name in names},
        slug=parse_slug(_text(slug)) if slug else None,
        base=LockedBase(*_texts(base)) if base else None,
    )

"""A receipt as text: compressed JSON in base64, read back without believing it. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any

from karst.config.slug import parse_slug
from karst.errors import SlugError
from karst.fetch.lock import LockedBase, LockEntry, RepoLock
from karst.terraform.receipt import PARTS, Mark, Part, Receipt, VoidReceiptError

VERSION = 1
# Of a hundred services that all change, with a commit each: about 19,000.
LONGEST = 24_000
_LONGEST_JSON = 400_000


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
    for part in PARTS:
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

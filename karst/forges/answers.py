"""Answers kept on disk, so that an unchanged one costs the forge and the limit nothing.

An entry is signed with a key made of the token: nobody else can read a private answer
under it, and whoever may write the folder (a pipeline's cache) can't put words into the
forge's mouth. Without a token there is nothing to hide and no key, so the signature is
only a checksum; in a pipeline, where others may write the folder, nothing is kept then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from karst.secret import Secret

LARGEST = 1024 * 1024
MOST_FILES = 4000
MOST_BYTES = 64 * 1024 * 1024
# A folder is looked through once in so many new entries.
_PRUNE_EVERY = 64


@dataclass(frozen=True)
class Kept:
    """An answer: what it was to, its ETag, its content type and its text."""

    question: str
    etag: str
    content_type: str
    body: str


def open_answers(
    folder: Path | None, identity: Secret | None, environ: Mapping[str, str]
) -> AnswerStore | None:
    """The store of an identity below `folder`; None where nothing may be kept."""
    if folder is None or (identity is None and environ.get("CI")):
        return None
    return AnswerStore(folder, identity)


class AnswerStore:
    """One identity's answers, below a folder that many identities and jobs share."""

    def __init__(self, folder: Path, identity: Secret | None) -> None:
        value = identity.reveal() if identity else ""
        self._key = hashlib.sha256(b"karst answers\0" + value.encode()).digest()
        name = hashlib.sha256(b"karst identity\0" + self._key).hexdigest()[:16]
        self._root = folder / "answers"
        self._folder = self._root / (name if identity else "anonymous")
        self._written = 0

    def find(self, question: str) -> Kept | None:
        """Return what was answered last, if it is whole and this identity's."""
        path = self._path(question)
        try:
            document = json.loads(path.read_bytes())
            kept = Kept(**document["answer"])
            signature = document["signature"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if kept.question != question or not isinstance(signature, str):
            return None
        if not hmac.compare_digest(signature.encode(), self._sign(kept).encode()):
            return None
        with suppress(OSError):
            os.utime(path)  # the least recently used goes first
        return kept

    def keep(self, kept: Kept) -> None:
        """Keep an answer; one that can't be written is not missed."""
        if len(kept.body) > LARGEST:
            return
        document = {"answer": asdict(kept), "signature": self._sign(kept)}
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._folder, prefix=".new-", delete=False
            ) as file:
                json.dump(document, file)
            os.replace(file.name, self._path(kept.question))  # noqa: PTH105
            self._written += 1
            if (self._written - 1) % _PRUNE_EVERY == 0:
                self._prune()

    def _path(self, question: str) -> Path:
        return self._folder / f"{hashlib.sha256(question.encode()).hexdigest()}.json"

    def _sign(self, kept: Kept) -> str:
        text = json.dumps(asdict(kept), sort_keys=True)
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _prune(self) -> None:
        """Remove the least recently used answers, of whatever identity, over the bounds."""
        found = []
        for path in self._root.glob("*/*"):
            with suppress(OSError):
                facts = path.stat()
                abandoned = path.name.startswith(".new-")
                if abandoned and time.time() - facts.st_mtime > 3600:
                    path.unlink()
                elif not abandoned:
                    found.append((facts.st_mtime, facts.st_size, path))
        found.sort(reverse=True)
        total = 0
        for number, (_, size, path) in enumerate(found, start=1):
            total += size
            if number > MOST_FILES or total > MOST_BYTES:
                with suppress(OSError):
                    path.unlink()

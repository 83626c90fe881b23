"""The httpx line to a forge that no library of its own covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

from karst.forges.answers import AnswerStore, Kept
from karst.forges.asking import Asking, Heard, NoAnswerError
from karst.forges.failures import say_failure
from karst.forges.httpx_clients import HttpxClients
from karst.forges.quiet import quiet_libraries

# Longer than any answer that is no file.
_LONGEST = 32 * 1024 * 1024
_PIECE = 65536
_TOO_LONG = "its answer is too long"
_MOST_HOPS = 5
_REDIRECTS = (301, 302, 303, 307, 308)


class HttpxLine:
    """Questions to one forge: `token_headers` go to its own hosts and no others."""

    def __init__(
        self,
        own: tuple[str, ...],
        token_headers: Mapping[str, str],
        asking: Asking,
        answers: AnswerStore | None,
    ) -> None:
        quiet_libraries()
        self._own = {_origin(url) for url in own}
        self._token_headers = dict(token_headers)
        self._asking = asking
        self._answers = answers
        self._clients = HttpxClients(asking.options)

    def close(self) -> None:
        """End the connections."""
        self._clients.close()

    def get(self, url: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        """Ask; returns a whole answer of any status that is no redirect."""
        address = str(httpx.URL(url, params=dict(query) if query else None))
        kept = self._answers.find(_question(address)) if self._answers else None
        headers = {"If-None-Match": kept.etag} if kept else {}
        begun = self._asking.options.monotonic()
        answer = self._asking.ask(
            "GET", address, lambda: self._read(address, headers, begun), _hear
        )
        if kept and answer.status_code == 304:
            told = {"content-type": kept.content_type}
            return httpx.Response(200, headers=told, content=kept.body.encode())
        self._keep(address, answer)
        return answer

    @contextmanager
    def stream(self, url: str) -> Iterator[httpx.Response]:
        """Ask for a file; its body is read by the caller, undecoded."""
        headers = {"Accept-Encoding": "identity"}
        with ExitStack() as held:
            yield self._asking.ask(
                "GET", url, lambda: self._send(url, headers, held), _hear
            )

    def _send(
        self, url: str, headers: Mapping[str, str], held: ExitStack
    ) -> httpx.Response:
        """Send and follow redirects; the token stays with the forge's own hosts.

        `held` closes the answer. An earlier try's is closed before the next.
        """
        held.close()
        for _ in range(_MOST_HOPS):
            answer = self._send_once(url, headers, held)
            target = answer.headers.get("location")
            if answer.status_code not in _REDIRECTS or not target:
                return answer
            # Read, so that the connection serves the next request.
            with suppress(httpx.HTTPError):
                answer.read()
            held.close()
            headers = {k: v for k, v in headers.items() if k != "If-None-Match"}
            try:
                url = str(httpx.URL(url).join(target))
            except httpx.InvalidURL:
                break
        raise NoAnswerError("it redirects to nowhere", final=True)

    def _send_once(
        self, url: str, headers: Mapping[str, str], held: ExitStack
    ) -> httpx.Response:
        shown = self._token_headers if _origin(url) in self._own else {}
        client = held.enter_context(self._clients.lend(url))
        try:
            request = client.build_request("GET", url, headers={**headers, **shown})
            answer = client.send(request, stream=True)
            held.callback(answer.close)
            return answer
        except httpx.HTTPError as error:
            why = say_failure(error)
        # Outside of the handler: the library's error holds the request and its token.
        raise NoAnswerError(why)

    def _read(
        self, url: str, headers: Mapping[str, str], begun: float
    ) -> httpx.Response:
        """Send, and read the whole body, within the time and the size it may have."""
        why, body = "", bytearray()
        with ExitStack() as held:
            answer = self._send(url, headers, held)
            try:
                for piece in answer.iter_bytes(_PIECE):
                    body += piece
                    if len(body) > _LONGEST:
                        why = _TOO_LONG
                        break
                    if self._asking.options.seconds_left(begun) < 0:
                        why = "its answer comes too slowly"
                        break
            except httpx.HTTPError as error:
                why = say_failure(error)
        if why:
            raise NoAnswerError(why, final=why == _TOO_LONG)
        dropped = ("content-encoding", "content-length", "transfer-encoding")
        told = {k: v for k, v in answer.headers.items() if k not in dropped}
        return httpx.Response(answer.status_code, headers=told, content=bytes(body))

    def _keep(self, url: str, answer: httpx.Response) -> None:
        etag = answer.headers.get("etag")
        content_type = answer.headers.get("content-type", "")
        no_store = "no-store" in answer.headers.get("cache-control", "")
        usable = answer.status_code == 200 and "json" in content_type and not no_store
        if self._answers and etag and usable and _origin(url) in self._own:
            self._answers.keep(Kept(_question(url), etag, content_type, answer.text))


def _hear(answer: httpx.Response) -> Heard:
    """A refusal's body is read; a file's is not."""
    body = ""
    if answer.status_code == 403:
        try:
            body = answer.read()[:_PIECE].decode(errors="replace")
        except httpx.HTTPError:
            body = ""
    return Heard(answer.status_code, answer.headers, body)


def _question(url: str) -> str:
    return f"GET {url}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def read_document(answer: httpx.Response) -> dict[str, Any]:
    """The answer's JSON object; {} where it is none."""
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}

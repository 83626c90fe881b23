"""The `requests` line to a forge, below PyGithub and python-gitlab alike.

Both libraries send through a session's adapter, so this is where a token is kept to its
host, where limits are obeyed, and where an unchanged answer comes from the disk.
"""

from __future__ import annotations

import http.client
import io
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from karst.forges.answers import AnswerStore, Kept
from karst.forges.asking import Asking, Heard, NoAnswerError
from karst.forges.failures import say_failure

_TOKEN_HEADERS = ("Authorization", "PRIVATE-TOKEN", "JOB-TOKEN", "Cookie")
# Longer than any answer that is no file.
_LONGEST = 32 * 1024 * 1024
_PIECE = 65536
_TOO_LONG = "its answer is too long"


def open_session(
    api: str, asking: Asking, answers: AnswerStore | None
) -> requests.Session:
    """A session whose every request goes through one pool, whoever uses it."""
    session = requests.Session()
    # Else the environment would overrule the CA bundle and send .netrc's passwords.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = ForgeAdapter(api, asking, answers)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class ForgeAdapter(HTTPAdapter):
    """Sends requests of one forge."""

    def __init__(self, api: str, asking: Asking, answers: AnswerStore | None) -> None:
        self._origin = _origin(api)
        self._asking = asking
        self._answers = answers
        options = asking.options
        super().__init__(pool_maxsize=options.connections, pool_block=True)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        *_: Any,
        **__: Any,
    ) -> requests.Response:
        """Send; raises LimitedError and UnreachableError of the forge."""
        url, method = request.url or "", request.method or "GET"
        if _origin(url) != self._origin:
            for name in _TOKEN_HEADERS:
                request.headers.pop(name, None)
        if stream:
            return self._asking.ask(
                method, url, lambda: self._send_once(request), _hear_head
            )
        kept = self._find(request)
        if kept:
            request.headers["If-None-Match"] = kept.etag
        begun = self._asking.options.monotonic()
        answer = self._asking.ask(
            method, url, lambda: self._read(request, begun), _hear
        )
        if kept and answer.status_code == 304:
            return self._again(request, kept)
        self._keep(request, answer)
        return answer

    def _send_once(self, request: requests.PreparedRequest) -> requests.Response:
        options = self._asking.options
        proxy = options.proxy(request.url or "")
        try:
            return super().send(
                request,
                stream=True,
                timeout=(options.connect_timeout, options.read_timeout),
                verify=options.ca_bundle or True,
                proxies={urlsplit(request.url or "").scheme: proxy} if proxy else {},
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            why = say_failure(error)
        # Outside of the handler: the library's error holds the request and its token.
        raise NoAnswerError(why)

    def _read(
        self, request: requests.PreparedRequest, begun: float
    ) -> requests.Response:
        """Send, and read the whole body, within the time and the size it may have."""
        answer = self._send_once(request)
        why = ""
        body = io.BytesIO()
        try:
            for piece in answer.raw.stream(_PIECE, decode_content=True):
                body.write(piece)
                if body.tell() > _LONGEST:
                    why = _TOO_LONG
                    break
                if self._asking.options.seconds_left(begun) < 0:
                    why = "its answer comes too slowly"
                    break
        except (urllib3.exceptions.HTTPError, OSError) as error:
            why = say_failure(error)
        if why:
            answer.close()
            raise NoAnswerError(why, final=why == _TOO_LONG)
        answer.raw.release_conn()
        return self._whole(request, answer.status_code, answer.headers, body)

    def _whole(
        self,
        request: requests.PreparedRequest,
        status: int,
        headers: Mapping[str, str],
        body: io.BytesIO,
    ) -> requests.Response:
        body.seek(0)
        dropped = ("content-encoding", "transfer-encoding", "content-length")
        answer = urllib3.HTTPResponse(
            body=body,
            headers={k: v for k, v in headers.items() if k.lower() not in dropped},
            status=status,
            reason=http.client.responses.get(status, ""),
            preload_content=False,
        )
        response = self.build_response(request, answer)
        _ = response.content
        return response

    def _find(self, request: requests.PreparedRequest) -> Kept | None:
        if self._answers is None or not self._is_question(request):
            return None
        return self._answers.find(_question(request))

    def _keep(
        self, request: requests.PreparedRequest, answer: requests.Response
    ) -> None:
        etag = answer.headers.get("ETag")
        content_type = answer.headers.get("Content-Type", "")
        usable = answer.status_code == 200 and etag and "json" in content_type
        no_store = "no-store" in answer.headers.get("Cache-Control", "")
        if self._answers and usable and not no_store and self._is_question(request):
            kept = Kept(_question(request), etag or "", content_type, answer.text)
            self._answers.keep(kept)

    def _again(
        self, request: requests.PreparedRequest, kept: Kept
    ) -> requests.Response:
        headers = {"Content-Type": kept.content_type, "ETag": kept.etag}
        return self._whole(request, 200, headers, io.BytesIO(kept.body.encode()))

    def _is_question(self, request: requests.PreparedRequest) -> bool:
        return request.method == "GET" and _origin(request.url or "") == self._origin


def _hear_head(answer: requests.Response) -> Heard:
    """A refusal's body is read; a file's is not."""
    if answer.status_code < 300:
        return Heard(answer.status_code, answer.headers)
    body = answer.raw.read(_PIECE, decode_content=True)
    answer.close()
    return Heard(
        answer.status_code, answer.headers, body.decode("utf-8", errors="replace")
    )


def _hear(answer: requests.Response) -> Heard:
    text = answer.text if answer.status_code == 403 else ""
    return Heard(answer.status_code, answer.headers, text)


def _question(request: requests.PreparedRequest) -> str:
    return f"GET {request.url} {request.headers.get('Accept', '')}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()

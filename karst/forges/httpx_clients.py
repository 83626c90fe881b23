"""Clients of httpx for many threads, each used by one at a time."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from karst.forges.http_options import USER_AGENT, HttpOptions


class HttpxClients:
    """At most `options.connections` clients, each with its own connections.

    A client shared by threads would do, but for its pool when that is full: it then
    closes connections that it has just given to somebody (httpcore 1.0.9).
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._permits = threading.BoundedSemaphore(options.connections)
        self._lock = threading.Lock()
        self._free: dict[str | None, list[httpx.Client]] = {}
        # The same CAs as below the other libraries; OpenSSL's own ask the environment.
        bundle = options.ca_bundle or DEFAULT_CA_BUNDLE_PATH
        self._trust = ssl.create_default_context(cafile=bundle)

    @contextmanager
    def lend(self, url: str) -> Iterator[httpx.Client]:
        """A client for `url` alone, back when the context ends."""
        proxy = self._options.proxy(url)
        with self._permits:
            with self._lock:
                free = self._free.setdefault(proxy, [])
                client = free.pop() if free else None
            client = client or self._open(proxy)
            try:
                yield client
            finally:
                with self._lock:
                    free.append(client)

    def close(self) -> None:
        """End the connections of all clients that nobody uses."""
        with self._lock:
            for free in self._free.values():
                while free:
                    free.pop().close()

    def _open(self, proxy: str | None) -> httpx.Client:
        options = self._options
        return httpx.Client(
            # Else the environment would overrule the CA bundle and send .netrc's
            # passwords.
            trust_env=False,
            follow_redirects=False,
            proxy=proxy,
            verify=self._trust,
            headers={"User-Agent": USER_AGENT},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(
                options.read_timeout, connect=options.connect_timeout
            ),
        )

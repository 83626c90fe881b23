"""How forges are spoken to: for how long, through what, trusting whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import karst

USER_AGENT = f"karstkit/{karst.__version__}"
_BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class HttpOptions:
    """One run's way to the forges.

    Attributes:
        environ: the caller's variables, for proxies and CA bundles; the libraries
            read none themselves.
        cache: the folder in which answers are kept for conditional requests.
        patience: seconds that one question and its repetitions may take.
        archive_patience: the same for an archive, with all its bytes.
        ends_at: when, by `monotonic`, the whole run's time is up.
        connections: the most connections to one host.
        connect_timeout, read_timeout: seconds; the second from one byte to the next.
    """

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache: Path | None = None
    patience: float = 120.0
    archive_patience: float = 600.0
    ends_at: float | None = None
    connections: int = 16
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def seconds_left(self, begun: float) -> float:
        """How long a request that began at `begun` may still take."""
        end = begun + self.patience
        if self.ends_at is not None:
            end = min(end, self.ends_at)
        return end - self.monotonic()

    @property
    def for_archives(self) -> HttpOptions:
        return replace(self, patience=self.archive_patience)

    @property
    def ca_bundle(self) -> str | None:
        """The file of CAs that the caller's variables name; None: the usual ones."""
        for name in ("KARST_CA_BUNDLE", *_BUNDLES):
            path = self.environ.get(name)
            if path and Path(path).is_file():
                return path
        return None

    def proxy(self, url: str) -> str | None:
        """The proxy through which `url` is asked, or None."""
        parts = urlsplit(url)
        if self._goes_past_proxy(parts.hostname or ""):
            return None
        for name in (f"{parts.scheme}_proxy", "all_proxy"):
            # HTTP_PROXY in capitals may be a header of a CGI request (httpoxy).
            upper = "" if name == "http_proxy" else name.upper()
            if found := self.environ.get(name) or self.environ.get(upper):
                return found if "://" in found else f"http://{found}"
        return None

    def _goes_past_proxy(self, host: str) -> bool:
        listed = self.environ.get("no_proxy") or self.environ.get("NO_PROXY") or ""
        for entry in listed.split(","):
            name = entry.strip().lower().removeprefix("*").lstrip(".").split(":")[0]
            if name and (host == name or host.endswith(f".{name}")):
                return True
            if entry.strip() == "*":
                return True
        return False

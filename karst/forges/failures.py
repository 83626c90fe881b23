"""Why a line broke, in words: a library's own text may hold a URL with a token."""

from __future__ import annotations

_FAILURES = (
    ("NameResolution", "its name is not known here"),
    ("gaierror", "its name is not known here"),
    ("ProxyError", "the proxy refuses"),
    ("Cert", "its certificate is not trusted here"),
    ("CERTIFICATE", "its certificate is not trusted here"),
    # An end before TLS has begun, where a moment later it is a reset.
    ("SSLEOF", "the line broke"),
    ("SSLZeroReturn", "the line broke"),
    ("ConnectTimeout", "no connection in time"),
    ("ReadTimeout", "no answer in time"),
    ("IncompleteRead", "its answer broke off"),
    ("RemoteProtocolError", "its answer broke off"),
    ("NewConnectionError", "nobody listens there"),
    ("Connection refused", "nobody listens there"),
    ("SSL", "no TLS comes about with it"),
)
_DEEPEST = 8


def say_failure(error: BaseException) -> str:
    """Name the kind of a failure of requests, urllib3 or httpx."""
    names = ""
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if seen is None:
            break
        names += f" {type(seen).__name__}"
        if not seen.__cause__ and isinstance(seen, OSError):
            names += f" {seen.strerror or ''}"
        inside = (getattr(seen, "reason", None), *seen.args[:1])
        inner = next((e for e in inside if isinstance(e, BaseException)), None)
        seen = inner or seen.__cause__ or seen.__context__
    return next((told for word, told in _FAILURES if word in names), "the line broke")

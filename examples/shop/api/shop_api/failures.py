"""What goes wrong beyond this service, as its callers are told it."""

from __future__ import annotations


class Unavailable(Exception):
    """A service that is needed does not answer: status 503."""


class Refused(Exception):
    """The store will not do it; `code` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

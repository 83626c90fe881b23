"""From a library's error to a sentence about a slug, with nothing of the library left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from karst.errors import FetchError
from karst.forges.refusals import LimitedError, UnreachableError

_T = TypeVar("_T")
# What a library falls over where an answer lacks what it should have.
NONSENSE = (AssertionError, AttributeError, KeyError, TypeError, ValueError)


def about(where: str, error: FetchError) -> FetchError:
    """The same error, of a slug instead of a host."""
    kind = type(error)
    return kind(error.what, where=where, remedy=error.remedy, detail=error.detail)


def ask(
    where: str,
    question: Callable[[], _T],
    translate: Callable[[Exception], FetchError | None],
) -> _T:
    """Return the answer to `question`; raises FetchError.

    `translate` gives the sentence for an error of the library; None lets it through.
    The raising is done outside of the handler: the library's error holds requests with
    their tokens, and must not hang on ours as its context.
    """
    try:
        return question()
    except (LimitedError, UnreachableError) as error:
        told: FetchError | None = about(where, error)
    except FetchError:
        raise
    except Exception as error:
        told = translate(error)
        if told is None:
            raise
    assert told is not None  # noqa: S101
    raise told

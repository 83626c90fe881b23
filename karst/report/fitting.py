"""Documents of limited size: parts give way in a fixed order, and it is said which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from karst.report.escaping import link

Form = Callable[[], str]


@dataclass(frozen=True)
class Part:
    """A piece of a document in several lengths.

    Attributes:
        name: what people are told was shortened ("Terraform details").
        forms: from the whole to the least that must be said; "" says nothing.
        gives: who gives way first; 0 before 1. Equal numbers: the earlier part.
    """

    name: str
    forms: tuple[Form, ...]
    gives: int = 0


def always(text: str) -> Part:
    """A part that never gives way."""
    return Part("", (lambda: text,))


def fit(parts: Sequence[Part], room: int, *, details_url: str = "") -> str | None:
    """Join the parts with blank lines; None where even their least is too long.

    The part that gives first goes through all its forms before the next one does.
    """
    texts = [part.forms[0]() for part in parts]
    shortened: dict[str, None] = {}
    document = _join(texts)
    if len(document) <= room:
        return document
    for index in sorted(range(len(parts)), key=lambda i: parts[i].gives):
        part = parts[index]
        for form in part.forms[1:]:
            text = form()
            if text == texts[index]:
                continue
            texts[index] = text
            shortened[part.name] = None
            note = _note(list(shortened), details_url)
            document = _join([*texts, note])
            if len(document) <= room:
                return document
    return None


def _note(shortened: Sequence[str], details_url: str) -> str:
    whole = link("the full text", details_url) if details_url else "the job's summary"
    where = f"Everything is in {whole}."
    return f"_Shortened for length: {', '.join(shortened)}. {where}_"


def _join(texts: Sequence[str]) -> str:
    return "\n\n".join(text for text in texts if text) + "\n"

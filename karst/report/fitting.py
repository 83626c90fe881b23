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
        name: what people are told was shortened ("Terraform's resources").
        whole: the piece as it should be.
        shorter: how early this form is taken (0 before 1), and the form; the numbers
            rise, and the last form is the least that must be said.
    """

    name: str
    whole: Form
    shorter: tuple[tuple[int, Form], ...] = ()


def always(text: str) -> Part:
    """A part that never gives way."""
    return Part("", lambda: text)


def fit(parts: Sequence[Part], room: int, *, details_url: str = "") -> str | None:
    """Join the parts with blank lines; None where even their least is too long."""
    texts = [part.whole() for part in parts]
    document = _join(texts)
    steps = [
        (early, index, form)
        for index, part in enumerate(parts)
        for early, form in part.shorter
    ]
    steps.sort(key=lambda step: step[:2])
    shortened: dict[str, None] = {}
    for _, index, form in steps:
        if len(document) <= room:
            return document
        text = form()
        if text != texts[index]:
            texts[index] = text
            shortened[parts[index].name] = None
            document = _join([*texts, _note(list(shortened), details_url)])
    return document if len(document) <= room else None


def _note(shortened: Sequence[str], details_url: str) -> str:
    whole = link("the full text", details_url) if details_url else "the job's summary"
    where = f"Everything is in {whole}."
    return f"_Shortened for length: {', '.join(shortened)}. {where}_"


def _join(texts: Sequence[str]) -> str:
    return "\n\n".join(text for text in texts if text) + "\n"

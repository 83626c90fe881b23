"""The branch of a script's `case` that is taken."""

from __future__ import annotations

import pytest

from karst.inspection.branches import chosen

SCRIPT = """\
before
case "$1" in
  web|"api")
    one
    ;;
  (job*) two ;;
  nested)
    case $X in
      a) three ;;
    esac
    four
    ;;
  *)
    five
esac
after"""


def left(text: str, *arguments: str, **values: str) -> str:
    lines = chosen(text.splitlines(), values, arguments)
    assert len(lines) == len(text.splitlines())
    words = ("before", "one", "two", "three", "four", "five", "after")
    return " ".join(w for line in lines for w in line.split() if w in words)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("web",), "before one after"),
        (("api", "x"), "before one after"),
        (("jobs",), "before two after"),
        (("nested",), "before three four after"),
        (("other",), "before five after"),
        ((), "before five after"),
    ],
)
def test_an_argument_chooses(arguments: tuple[str, ...], kept: str) -> None:
    assert left(SCRIPT, *arguments) == kept


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        ("${MODE:-api}", "before one after"),
        ("$MODE", "before one two three four five after"),
        ("$KNOWN", "before two after"),
        ("$(hostname)", "before one two three four five after"),
        ("$@", "before one after"),
        ('"${1:-jobs}"', "before one after"),
        ('"${2:-jobs}"', "before two after"),
    ],
)
def test_so_does_a_variable_that_is_known(subject: str, kept: str) -> None:
    assert left(SCRIPT.replace('"$1"', subject), "web", KNOWN="job") == kept


@pytest.mark.parametrize(
    "text",
    ["case $1 in", "case $1 in\nweb) one", "esac\nesac", "case a in" + " " * 9000],
)
def test_what_is_no_whole_case(text: str) -> None:
    assert chosen(text.splitlines(), {}, ["web"]) == text.splitlines()

"""Every sentence about repos.yaml, written out in messages/*.txt.

A case is `=== its name`, the file, `--- exit code`, and the whole message.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from karst.config.parse import parse_stack
from karst.errors import ConfigError, KarstError, SlugError

_CASE = re.compile(
    r"^=== (?P<name>.+)\n(?P<text>(?s:.*?))^--- (?P<code>\d+)\n(?P<message>(?s:.+?))\n(?=\n===|\Z)",
    re.M,
)


def _cases() -> list[Any]:
    cases = []
    for file in sorted(Path(__file__).with_name("messages").glob("*.txt")):
        text = file.read_text()
        found = list(_CASE.finditer(text))
        assert len(found) == text.count("=== "), file
        cases += [
            pytest.param(c["text"], int(c["code"]), c["message"], id=c["name"])
            for c in found
        ]
    return cases


def refusal(text: str, name: str = "shop") -> KarstError:
    with pytest.raises(ConfigError) as caught:
        parse_stack(text, source="repos.yaml", default_name=name)
    return caught.value


@pytest.mark.parametrize(("text", "code", "message"), _cases())
def test_message(text: str, code: int, message: str) -> None:
    error = refusal(text)
    assert str(error) == message
    assert error.exit_code == code
    assert error.remedy


def test_a_bad_slug_is_an_error_of_its_own() -> None:
    assert type(refusal("- acme/web\n")) is SlugError
    assert type(refusal("- {slug: gh:acme/web, port: 0}\n")) is ConfigError


def test_where_what_and_remedy_are_apart() -> None:
    error = refusal("services:\n  - slug: gh:acme/web\n    helth: {}\n")
    assert error.where == "repos.yaml:3 services[0].helth"
    assert error.what == "unknown key, did you mean 'health'?"
    assert error.remedy.startswith("known here: slug, image, name, ")


def test_empty_file() -> None:
    assert str(refusal("")) == (
        "repos.yaml: the file is empty\n"
        "  -> list at least one slug, such as '- gh:owner/repo'"
    )


def test_control_character() -> None:
    assert str(refusal("- gh:acme/\x01\n")) == (
        "repos.yaml: this is neither YAML nor JSON: control characters are not allowed\n"
        "  -> look for a missing colon, quote or bracket, or uneven indentation"
    )


def test_characters_that_utf8_has_not() -> None:
    assert str(refusal("- gh:acme/\ud800\n")) == (
        "repos.yaml: the text holds characters that UTF-8 cannot hold\n"
        "  -> save the file as UTF-8"
    )


@pytest.mark.parametrize(
    ("number", "found"),
    [("1e999", "'1e999'"), ("9" * 301, f"'{'9' * 301}'"), ("-1.5", "-1.5")],
)
def test_numbers_of_no_size(number: str, found: str) -> None:
    error = refusal(f"- {{slug: gh:acme/web, port: {number}}}\n")
    assert error.what == f"a whole number is wanted here, not {found}"
    # Python itself refuses to read a number of more than 4,300 digits.
    assert refusal(f"- {{slug: gh:acme/web, port: {'9' * 5000}}}\n").what


def test_large_file() -> None:
    assert str(refusal("- gh:acme/web\n" * 80_000)) == (
        "repos.yaml: the file has 1,120,000 bytes; at most 1,048,576 are read\n"
        "  -> split it into several stacks"
    )


def test_aliases_that_multiply() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    assert str(refusal(bomb)) == (
        "repos.yaml:1: more than 20,000 values, where an alias counts as what it "
        "stands for\n"
        "  -> split the file, or remove the aliases"
    )


def test_merges_that_multiply() -> None:
    bomb = "a0: &a0 {x: y}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n"
        for i in range(1, 12)
    )
    assert refusal(bomb).what == (
        "more than 20,000 values, where an alias counts as what it stands for"
    )


@pytest.mark.parametrize("link", ["[*a{}]", "{{<<: *a{}}}", "{{<<: [*a{}]}}"])
def test_aliases_that_deepen(link: str) -> None:
    chain = "a0: &a0 {x: y}\n" + "".join(
        f"a{i}: &a{i} {link.format(i - 1)}\n" for i in range(1, 100)
    )
    assert refusal(chain).what == (
        "more than 24 levels, where an alias counts as what it stands for"
    )


def test_every_fault_is_told_the_first_one_first() -> None:
    text = "- {slug: gh:acme/web, user: 1337}\n- acme/api\n- {slug: gh:acme/db, port: 9901}\n"
    assert str(refusal(text)) == (
        "repos.yaml:1 [0].user: uid 1337 is the sidecar's own\n"
        "  -> choose another uid, such as 1000\n"
        "  | also repos.yaml:2 [1]: 'acme/api' is no slug\n"
        "  | also repos.yaml:3 [2].port: port 9901 is the sidecar's own"
    )


def test_many_faults_are_counted() -> None:
    error = refusal("- acme/web\n" * 30)
    assert error.detail.splitlines()[-1] == "and 20 more"
    assert len(error.detail.splitlines()) == 10


def test_what_somebody_wrote_stays_on_one_line_and_short() -> None:
    error = refusal(f'- "gh:acme/web\\n::stop-commands::x{"y" * 900}"\n')
    assert error.what.startswith("'acme/web\\n::stop-commands::xyyy")
    assert len(error.what) == 400
    for value in ("1", "~"):
        where = refusal(f'- {{slug: gh:acme/web, "a\\nb": {value}}}\n').where
        assert where == "repos.yaml:1 [0].a\\nb"


def test_a_name_for_the_stack_that_nothing_can_be_made_of() -> None:
    assert str(refusal("- gh:acme/web\n", name="???")) == (
        "repos.yaml:1: '???' is no name for a stack\n"
        "  -> use lowercase letters, digits and '-', at most 40 characters"
    )

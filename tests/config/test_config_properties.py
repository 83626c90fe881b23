"""Whatever is written: a stack or a sentence, never another exception."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from karst.config.parse import parse_stack
from karst.config.quantity import (
    parse_duration,
    parse_size,
    render_duration,
    render_size,
)
from karst.config.schema import (
    BuildModel,
    HealthModel,
    PublishModel,
    ServiceModel,
    SmokeModel,
    StackModel,
    TlsModel,
)
from karst.errors import KarstError

FRAGMENTS = (
    *("- ", "gh:acme/web", "slug: ", "services:", "\n", "  ", "{", "}", "[", "]", ": "),
    *(", ", "&a ", "*a", "<<", "!!", "!x ", "|", ">", "'", '"', "\\", "#", "\t", "? "),
    *("---", "...", "%YAML 1.3", "0x", "0o7", "1e999", "-.inf", "~", "\ufeff", "\0"),
    *("\r", "\x85", "\u2028", "port", "env", "calls", "mesh", "\\ud800", "9" * 400),
)
KEYS = sorted(
    {
        field.alias or name
        for model in (
            *(BuildModel, HealthModel, PublishModel),
            *(ServiceModel, SmokeModel, StackModel, TlsModel),
        )
        for name, field in model.model_fields.items()
    }
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.sampled_from(("gh:acme/web", "web", "api", "http", "none", "job", "5s", ""))
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5
        )
    ),
    max_leaves=12,
)
SERVICES = st.fixed_dictionaries(
    {"slug": st.sampled_from(("gh:acme/web", "gh:acme/api", "file:."))},
    optional={name: VALUES for name in ServiceModel.model_fields if name != "slug"},
)
STACKS = st.fixed_dictionaries(
    {"services": st.lists(SERVICES | VALUES, max_size=3)},
    optional={n: VALUES for n in StackModel.model_fields if n != "services"},
)
BOUNDS = settings(max_examples=300)
# The sentence of last resort, and pydantic's own words.
LEAKS = ("does not belong here", " should ", "Field required", "not permitted")


def outcome(text: str) -> str:
    """Parse `text`; return its message, or "" where it is a stack."""
    try:
        parse_stack(text, source="repos.yaml", default_name="shop")
    except KarstError as error:
        refusal = error
    else:
        return ""
    assert refusal.what
    assert refusal.where.startswith("repos.yaml")
    assert refusal.remedy
    return str(refusal)


@BOUNDS
@given(st.text())
@example("\ud800")
def test_any_text(text: str) -> None:
    outcome(text)


@BOUNDS
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join))
@example("[" * 100_000)
@example("{a: " * 5_000)
@example("- " * 5_000)
@example("? " * 5_000)
@example("&a [" * 2_000)
@example("~text: 1")
@example('"\\0text": 1')
def test_text_that_resembles_yaml(text: str) -> None:
    outcome(text)


@BOUNDS
@given(STACKS | VALUES)
def test_data_that_resembles_a_stack(data: Any) -> None:
    message = outcome(json.dumps(data))
    for leak in LEAKS:
        assert leak not in message or leak in json.dumps(data)


@BOUNDS
@given(st.floats(min_value=1e-6, max_value=86_400))
@example(0.0005)
@example(0.1)
@example(5400.0)
@example(90.0)
def test_durations_round_trip(seconds: float) -> None:
    assert parse_duration(render_duration(seconds)) == seconds


@BOUNDS
@given(st.integers(0, 2**50))
@example(6 << 20)
@example(1 << 30)
def test_sizes_round_trip(size: int) -> None:
    assert parse_size(render_size(size)) == size


def test_many_services_take_no_long_time() -> None:
    order = random.Random(7)  # noqa: S311
    names = [f"s{i}" for i in range(400)]
    text = "".join(
        f"- {{slug: gh:a/{n}, calls: [{', '.join(order.sample(names, 20))}]}}\n"
        for n in names
    )
    assert outcome(text) == ""

"""Durations and sizes, as written and as rendered."""

from __future__ import annotations

import pytest

from karst.config.quantity import (
    parse_duration,
    parse_size,
    render_duration,
    render_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("500ms", 0.5),
        ("2m", 120.0),
        ("1.5h", 5400.0),
        ("1h2m3s4ms", 3723.004),
        ("0.1s", 0.1),
        ("0s", 0.0),
        (5, 5.0),
        (0.25, 0.25),
    ],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "-1s", "1 s", "1s ", "1s2m", "1d", "٣s", "1.s", "9" * 50 + "s"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (30, "30s"),
        (0.5, "500ms"),
        (120, "2m"),
        (5400, "90m"),
        (7200, "2h"),
        (1.5, "1.5s"),
        (0.0005, "0.0005s"),
        (0, "0.0s"),
    ],
)
def test_rendered_durations(seconds: float, text: str) -> None:
    assert render_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256MiB", 268_435_456),
        ("1GiB", 1_073_741_824),
        ("1.5KiB", 1536),
        ("7B", 7),
        ("1TiB", 1_099_511_627_776),
        (4096, 4096),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "256", "256MB", "256M", "0.5B", "1.0001KiB", "-1MiB", "1 GiB", "1gib"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size in whole bytes"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (268_435_456, "256MiB"),
        (1536, "1536B"),
        (2048, "2KiB"),
        (0, "0B"),
        (1 << 40, "1TiB"),
    ],
)
def test_rendered_sizes(size: int, text: str) -> None:
    assert render_size(size) == text

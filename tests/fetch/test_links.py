"""Links are followed as the kernel would, and may never pass above the root."""

from __future__ import annotations

import pytest

from karst.errors import FetchError
from karst.fetch.links import refuse_leaving


@pytest.mark.parametrize(
    "links",
    [
        {"x": "y"},
        {"x": "."},
        {"a/x": ".."},
        {"a/b/x": "../../c/./d/../e"},
        {"x": "nowhere/../y"},
        {"one": "a/b", "a/b/two": "..", "x": "one/two/c"},
        # Through `one` these two dots are inside; without it they would not be.
        {"one": "a/b", "x": "one/../../y"},
        {"a/x": "b//c"},
    ],
)
def test_links_that_stay_inside_are_well(links: dict[str, str]) -> None:
    refuse_leaving(links, links, where="x")


@pytest.mark.parametrize(
    ("links", "culprit"),
    [
        ({"x": "/"}, "x"),
        ({"x": "/etc/passwd"}, "x"),
        ({"x": ".."}, "x"),
        ({"a/x": "../.."}, "a/x"),
        # Out and back by the name that the folder has today.
        ({"x": "../folder/y"}, "x"),
        ({"x": "nowhere/../../y"}, "x"),
        ({"good": "a", "x": "good/../../y"}, "x"),
        ({"one": "a/b", "a/b/two": "../..", "x": "one/two/../y"}, "x"),
        ({"b": "a/..", "x": "b/../y"}, "x"),
        ({"y": "a", "x": "y/z", "a/z": "../../etc"}, "x"),
    ],
)
def test_links_that_leave_are_named(links: dict[str, str], culprit: str) -> None:
    with pytest.raises(FetchError, match=f"the link '{culprit}' leads out"):
        refuse_leaving(links, links, where="x")


@pytest.mark.parametrize(
    "links", [{"x": "x"}, {"x": "y", "y": "x"}, {"x": "x/../.."}, {"a/x": "../a/x/y"}]
)
def test_links_in_a_circle_are_refused(links: dict[str, str]) -> None:
    with pytest.raises(FetchError, match="leads in a circle"):
        refuse_leaving(links, links, where="x")


def test_a_chain_as_long_as_the_kernel_takes_is_followed_to_its_end() -> None:
    chain = {f"l{n}": f"l{n + 1}" for n in range(40)}
    refuse_leaving(chain, chain, where="x")
    with pytest.raises(FetchError, match="the link 'l0' leads out"):
        refuse_leaving({**chain, "l39": ".."}, chain, where="x")
    longer = {f"l{n}": f"l{n + 1}" for n in range(60)}
    with pytest.raises(FetchError, match="the link 'l0' leads in a circle"):
        refuse_leaving(longer, longer, where="x")


def test_only_what_is_asked_for_is_checked() -> None:
    refuse_leaving({"bad": "..", "good": "x"}, ["good"], where="x")


def test_links_that_tangle_are_given_up() -> None:
    long = "/".join(["d", ".."] * 200)
    links = {f"l{n}": f"{long}/l{n + 1 if n % 30 else 1}x" for n in range(9000)}
    with pytest.raises(FetchError, match="without end"):
        refuse_leaving(links, links, where="x")

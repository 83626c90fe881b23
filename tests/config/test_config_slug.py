"""The slug grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karst.config.slug import Slug, parse_slug
from karst.errors import SlugError

FORMS = (
    "write gh:owner/repo, gl:group/repo, bb:workspace/repo or file:./path, "
    "optionally with #branch, #tag or #commit"
)


@pytest.mark.parametrize(
    ("text", "slug", "name"),
    [
        ("gh:acme/web", Slug("gh", "acme/web"), "web"),
        ("gh:acme/web#main", Slug("gh", "acme/web", "main"), "web"),
        ("gh:acme/web#v1.4.2", Slug("gh", "acme/web", "v1.4.2"), "web"),
        ("gh:acme/web#feature/a#b", Slug("gh", "acme/web", "feature/a#b"), "web"),
        ("gh:acme/web.git", Slug("gh", "acme/web.git"), "web"),
        ("gh:acme/.github", Slug("gh", "acme/.github"), ".github"),
        ("gl:acme/api", Slug("gl", "acme/api"), "api"),
        ("gl:acme/a/b/c/api#main", Slug("gl", "acme/a/b/c/api", "main"), "api"),
        ("bb:team/repo_1", Slug("bb", "team/repo_1"), "repo_1"),
        ("file:./examples/shop/web", Slug("file", "./examples/shop/web"), "web"),
        ("file:web/#" + "a" * 40, Slug("file", "web/", "a" * 40), "web"),
        ("file:.", Slug("file", "."), "."),
    ],
)
def test_slugs(text: str, slug: Slug, name: str) -> None:
    parsed = parse_slug(text)
    assert parsed == slug
    assert str(parsed) == text
    assert parsed.repository_name == name


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "'' is no slug"),
        ("acme/web", "'acme/web' is no slug"),
        ("GH:acme/web", "'GH:acme/web' is no slug"),
        ("https://host/acme/web", "'https://host/acme/web' is no slug"),
        ("gh:acme", "'acme' in 'gh:acme' is no repository path"),
        ("gh:a/b/c", "'a/b/c' in 'gh:a/b/c' is no repository path"),
        ("gh:-a/b", "'-a/b' in 'gh:-a/b' is no repository path"),
        ("gh:a/..", "'a/..' in 'gh:a/..' is no repository path"),
        ("gl:a/../b", "'a/../b' in 'gl:a/../b' is no repository path"),
        ("gh:a/b\n", "'a/b\n' in 'gh:a/b\n' is no repository path"),
        ("gl:a/b\n", "'a/b\n' in 'gl:a/b\n' is no repository path"),
        ("gh:a/b?x", "'a/b?x' in 'gh:a/b?x' is no repository path"),
        ("file:", "'file:' names no folder"),
        ("file:a\0b", "'file:a\0b' names no folder"),
    ],
)
def test_what_is_no_slug(text: str, what: str) -> None:
    with pytest.raises(SlugError) as caught:
        parse_slug(text, where="repos.yaml:3 services[0]")
    assert caught.value.what == what
    assert caught.value.where == "repos.yaml:3 services[0]"
    assert caught.value.remedy == FORMS
    assert caught.value.exit_code == 11


@pytest.mark.parametrize(
    "ref",
    [
        *("", "-x", "/x", "x/", ".x", "a/.b", "a..b", "a b", "a~1", "a^", "a:b", "a?"),
        *("a*", "a[", "a\\b", "a@{1}", "@", "x.lock", "a.lock/b", "a//b", "x."),
        *("a\nb", "main\n"),
    ],
)
def test_what_git_would_refuse_as_a_ref(ref: str) -> None:
    with pytest.raises(SlugError) as caught:
        parse_slug(f"gh:acme/web#{ref}")
    assert caught.value.what == (
        f"'{ref}' in 'gh:acme/web#{ref}' is no branch, tag or commit"
    )


@given(st.text(), st.sampled_from(["", "gh:", "gl:", "bb:", "file:", "gh:a/b#"]))
def test_a_slug_is_the_text_it_came_from(text: str, forge: str) -> None:
    try:
        slug = parse_slug(forge + text)
    except SlugError:
        return
    assert str(slug) == forge + text

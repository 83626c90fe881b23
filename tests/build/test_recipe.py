"""The rendered Dockerfile, and what its keys depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from karst.build import BaseImage, BasePin, BuildRecipe, image_name
from karst.errors import BuildError, ConfigError

Render = Callable[..., BuildRecipe]
GOLDEN = Path(__file__).parent / "golden"
PINNED = BaseImage("python:3.12-slim", "3.12", BasePin("sha256:" + "c" * 64, True))
APP = {"main.py": "print()", "requirements.txt": "flask\n"}


def test_a_plain_app_whole(render: Render) -> None:
    recipe = render(APP)
    assert recipe.dockerfile == (GOLDEN / "plain.Dockerfile").read_text()
    assert replace(recipe, dockerfile="", content_key="", inputs="", base=None) == (
        BuildRecipe(
            service="web",
            slug="file:./web",
            dockerfile="",
            own=False,
            python="3.11",
            base=None,
            manifest="requirements",
            platform="linux/amd64",
            secrets=(),
            content_key="",
            inputs="",
            caches="karst/shop/web",
        )
    )


def test_an_app_with_everything_whole(render: Render) -> None:
    recipe = render(
        {
            "pyproject.toml": '[project]\nname = "web"\n[build-system]\n',
            "requirements.txt": "-r more/base.txt\n",
            "more/base.txt": "flask\n",
            "src/web/__main__.py": "",
        },
        base=PINNED,
        secrets=("TOKEN",),
        volumes={"data": "/var/lib/my app", "more": "/app/more"},
        slug="gh:acme/web#main",
    )
    assert recipe.dockerfile == (GOLDEN / "everything.Dockerfile").read_text()


def test_a_dockerfile_of_its_own_is_taken_as_it_is(render: Render) -> None:
    recipe = render({"Dockerfile": 'FROM scratch\nCOPY x /\nCMD ["/x"]\n'})
    assert (recipe.own, recipe.dockerfile, recipe.base, recipe.python) == (
        True,
        'FROM scratch\nCOPY x /\nCMD ["/x"]\n',
        None,
        "",
    )


def test_the_same_again_has_the_same_keys(render: Render) -> None:
    assert render(APP) == render(APP)
    assert len(render(APP).content_key) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"tree": "b" * 40},
        {"base": PINNED},
        {"platform": "linux/arm64"},
        {"volumes": {"data": "/data"}},
        {"declared": ("python3", "-v", "main.py")},
        {"secrets": ("TOKEN",)},
    ],
)
def test_what_the_user_changes_changes_both_keys(
    render: Render, change: dict[str, object]
) -> None:
    before, after = render(APP), render(APP, **change)
    assert before.content_key != after.content_key
    assert before.inputs != after.inputs


@pytest.mark.parametrize(
    "change", [{"shim": "newer"}, {"template": "FROM $base\n#new"}]
)
def test_an_upgrade_of_karst_keeps_the_inputs(
    render: Render, change: dict[str, object]
) -> None:
    before, after = render(APP), render(APP, **change)
    assert before.content_key != after.content_key
    assert before.inputs == after.inputs


def test_the_ref_is_no_part_of_the_keys(render: Render) -> None:
    main, tag = render(APP, slug="gh:a/b#main"), render(APP, slug="gh:a/b#v1")
    assert (main.content_key, main.inputs) == (tag.content_key, tag.inputs)


def test_hostile_words_stay_words(render: Render) -> None:
    recipe = render(
        {"main.py": "print()"},
        declared=("sh", "-c", 'echo "$HOME"\nUSER root'),
        volumes={"x": "/a'b $(id)"},
    )
    lines = recipe.dockerfile.splitlines()
    assert lines[-1] == 'CMD ["sh", "-c", "echo \\"$HOME\\"\\nUSER root"]'
    assert (
        "RUN mkdir -p '/a'\"'\"'b $(id)' && chown 10001:10001 '/a'\"'\"'b $(id)'"
        in lines
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"secrets": ("a,src=/etc/shadow",)}, "is no name for a secret"),
        ({"volumes": {"x": "data"}}, "is no absolute path"),
        ({"volumes": {"x": "/data\nUSER root"}}, "is no absolute path"),
    ],
)
def test_what_is_no_name_is_a_sentence(
    render: Render, change: dict[str, object], text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        render(APP, **change)


def test_image_names() -> None:
    key = "0123456789abcdef" * 2
    assert image_name("shop", "web", key) == "karst/shop-web:0123456789abcdef"
    assert (
        image_name("shop", "web", key, registry="registry.example.org:5000/team/")
        == "registry.example.org:5000/team/karst/shop-web:0123456789abcdef"
    )


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=evil/frontend\nFROM a\n",
        "#!/bin/sh\n//  SYNTAX = evil/docker/dockerfile:1\nFROM a\n",
        "# escape=`\n#syntax=docker/dockerfile.evil\nFROM a\n",
        '{"syntax": "evil/frontend"}',
    ],
)
def test_a_builder_of_the_repository_s_own_is_refused(
    render: Render, text: str
) -> None:
    with pytest.raises(BuildError, match="a builder of its own"):
        render({"Dockerfile": text + 'CMD ["/x"]\n'})


@pytest.mark.parametrize(
    "name", ["docker/dockerfile:1.7-labs", "docker.io/docker/dockerfile@sha256:0"]
)
def test_docker_s_own_builder_may_be_named(render: Render, name: str) -> None:
    assert render({"Dockerfile": f'# syntax={name}\nFROM a\nCMD ["/x"]\n'}).own


def test_a_dockerfile_beyond_all_measure_is_a_sentence(render: Render) -> None:
    with pytest.raises(BuildError, match="the Dockerfile can't be read"):
        render({"Dockerfile": "FROM a\n" + "#\n" * 600_000})

"""Which projects would ask git for their version, and what they are told instead."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from karst.build.git_version import GitVersion, read_git_version

if TYPE_CHECKING:
    from conftest import Files, Render

SCM = "SETUPTOOLS_SCM_PRETEND_VERSION"
NAMED = '[project]\nname = "Hello.World-x"\ndynamic = ["version"]\n'
MAIN = {"hello.py": "def main(): ...\n"}
SCRIPT = 'scripts = {hello = "hello:main"}\n'


def requires(*names: str) -> str:
    return f"[build-system]\nrequires = {list(names)}\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, GitVersion()),
        ({"pyproject.toml": requires("hatchling") + NAMED}, GitVersion()),
        (
            {"pyproject.toml": requires("setuptools_scm[toml]>=8") + NAMED},
            GitVersion((f"{SCM}_FOR_HELLO_WORLD_X",), True),
        ),
        (
            {"pyproject.toml": requires("setuptools-scm")},
            GitVersion((SCM,), True),
        ),
        (
            {
                "pyproject.toml": requires("setuptools-scm")
                + '[tool.setuptools_scm]\nfallback_version = "1.2"\nwrite_to = "a/_v.py"\n'
            },
            GitVersion((), True, ("a/_v.py",)),
        ),
        (
            {
                "pyproject.toml": requires("setuptools-scm")
                + '[tool.setuptools_scm]\nversion_file = "../../etc/passwd"\n'
            },
            GitVersion((SCM,), True),
        ),
        (
            {
                "pyproject.toml": requires("setuptools-scm")
                + '[tool.setuptools_scm]\nversion_file = "a.py; rm -rf x"\n'
            },
            GitVersion((SCM,), True),
        ),
        (
            {
                "pyproject.toml": requires("hatchling", "hatch-vcs")
                + NAMED
                + '[tool.hatch]\nversion.source = "vcs"\n'
                + 'build.hooks.vcs.version-file = "hello/_version.py"\n'
            },
            GitVersion((SCM,), False, ("hello/_version.py",)),
        ),
        (
            {
                "pyproject.toml": requires("hatch-vcs")
                + '[tool.hatch.version]\nsource = "vcs"\nfallback-version = "1"\n'
            },
            GitVersion(),
        ),
        (
            {
                "pyproject.toml": requires("hatch-vcs")
                + '[tool.hatch.version]\nsource = "vcs"\nraw-options.fallback_version = "1"\n'
            },
            GitVersion(),
        ),
        (
            {"pyproject.toml": requires("hatch-vcs") + "[tool.hatch]\nversion = 1\n"},
            GitVersion(),
        ),
        ({"pyproject.toml": requires("pbr>=6")}, GitVersion(("PBR_VERSION",), True)),
        (
            {"setup.py": "import setuptools\nsetuptools.setup(pbr=True)"},
            GitVersion(("PBR_VERSION",), True),
        ),
        (
            {
                "setup.py": "from setuptools import setup\nsetup()",
                "setup.cfg": "[metadata]\nname = a-b\n[options]\nsetup_requires =\n  setuptools_scm\n  wheel\n",
            },
            GitVersion((f"{SCM}_FOR_A_B",), True),
        ),
        (
            {
                "setup.py": "from setuptools import setup\n"
                "setup(name='h', setup_requires=['setuptools_scm'],\n"
                "      use_scm_version={'write_to': 'h/v.py', 'local': lambda v: ''})"
            },
            GitVersion((f"{SCM}_FOR_H",), True),
        ),
        (
            {
                "setup.py": "from setuptools import setup\n"
                "setup(name=find(), use_scm_version={'write_to': 'h/v.py'})"
            },
            GitVersion((SCM,), True, ("h/v.py",)),
        ),
        ({"setup.py": "raise SystemExit('run')\nsetup("}, GitVersion()),
        ({"setup.cfg": "no section"}, GitVersion()),
        (
            {"pyproject.toml": requires("poetry-dynamic-versioning")},
            GitVersion(("POETRY_DYNAMIC_VERSIONING_BYPASS",)),
        ),
        (
            {
                "pyproject.toml": requires("pdm-backend")
                + '[tool.pdm.version]\nsource = "scm"\n'
            },
            GitVersion(("PDM_BUILD_SCM_VERSION",)),
        ),
        ({"pyproject.toml": requires("pdm-backend")}, GitVersion()),
        (
            {"pyproject.toml": requires("hatchling", "uv-dynamic-versioning")},
            GitVersion(("UV_DYNAMIC_VERSIONING_BYPASS",)),
        ),
        ({"pyproject.toml": "build-system = 1\nproject = 2\ntool = 3"}, GitVersion()),
        (
            {"pyproject.toml": "[build-system]\nrequires = [1, '', '>=3']"},
            GitVersion(),
        ),
    ],
)
def test_what_is_told(tmp_path: Path, files: Files, found: GitVersion) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    data = tomllib.loads(files.get("pyproject.toml", ""))
    assert read_git_version(tmp_path, data) == found


def installs(text: str) -> list[str]:
    return [
        line.partition("; fi && ")[2]
        for line in text.splitlines()
        if line.startswith("RUN ") and "uv pip install" in line
    ]


def test_the_step_that_installs_the_project(render: Render) -> None:
    scm = requires("setuptools-scm") + NAMED + SCRIPT
    scm += '[tool.setuptools_scm]\nversion_file = "hello/_v.py"\n'
    recipe = render({**MAIN, "pyproject.toml": scm})
    assert installs(recipe.dockerfile) == [
        (
            "{ echo 'graft .'; [ ! -f MANIFEST.in ] || cat MANIFEST.in; } > /tmp/MANIFEST.in"
            " && cp /tmp/MANIFEST.in MANIFEST.in"
            f" && {SCM}_FOR_HELLO_WORLD_X=0.0.0 uv pip install --no-deps /app"
            " && mkdir -p /opt/written"
            " && if [ -f hello/_v.py ]; then mkdir -p /opt/written/hello && cp hello/_v.py /opt/written/hello; fi"
        )
    ]
    assert (
        "\nCOPY --from=builder --chown=10001:10001 /opt/written /app\n"
        in recipe.dockerfile
    )


def test_requirements_that_name_the_project_itself(render: Render) -> None:
    project = requires("hatch-vcs") + NAMED + '[tool.hatch.version]\nsource = "vcs"\n'
    recipe = render(
        {
            "main.py": "print()",
            "pyproject.toml": project,
            "requirements.txt": "-e .\nsix\n",
        }
    )
    first, second = installs(recipe.dockerfile)
    assert (
        first == f"export {SCM}=0.0.0 && uv pip install --requirement requirements.txt"
    )
    assert second == f"{SCM}=0.0.0 uv pip install /app"


def test_others_are_told_nothing(render: Render) -> None:
    recipe = render({**MAIN, "pyproject.toml": requires("hatchling") + NAMED + SCRIPT})
    assert installs(recipe.dockerfile) == ["uv pip install --no-deps /app"]
    assert "/opt/written" not in recipe.dockerfile


def test_equal_trees_have_equal_keys_whatever_their_commit(render: Render) -> None:
    files = {**MAIN, "pyproject.toml": requires("pbr") + NAMED + SCRIPT}
    one, other = render(files), render(files, slug="file:./web#v2")
    assert one.content_key == other.content_key
    assert one.inputs == other.inputs

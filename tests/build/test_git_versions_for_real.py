"""Projects that take their version from git build and start from files alone."""

from __future__ import annotations

import json

import pytest
from workshop import Workshop, start

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Says its version, whether its data is installed, and what the build wrote beside it.
MAIN = """import importlib.metadata, importlib.resources, json
def main():
    page = importlib.resources.files("hello").joinpath("pages/index.html")
    try:
        from hello._version import __version__ as written
    except ImportError:
        written = None
    print(json.dumps([importlib.metadata.version("hello"), page.is_file(), written]))
"""
FILES = {
    "hello/__init__.py": MAIN,
    "hello/__main__.py": "from hello import main\nmain()\n",
    "hello/pages/index.html": "<p>hello</p>\n",
}
PROJECT = """[project]
name = "hello"
dynamic = ["version"]
scripts = {hello = "hello:main"}
"""


def backend(name: str, *requires: str) -> str:
    return f"""[build-system]
requires = {json.dumps(requires)}
build-backend = "{name}"
"""


SETUPTOOLS = "setuptools.build_meta"
SCM = backend(SETUPTOOLS, "setuptools>=77", "setuptools-scm>=8")
DISCOVERY = '[tool.setuptools.packages.find]\ninclude = ["hello*"]\n'


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        pytest.param(
            {"pyproject.toml": SCM + PROJECT + DISCOVERY + "[tool.setuptools_scm]\n"},
            ["0.0.0", True, None],
            id="setuptools-scm",
        ),
        pytest.param(
            {
                # No console script: the app starts from its files, not as installed.
                "pyproject.toml": SCM
                + PROJECT.partition("scripts")[0]
                + DISCOVERY
                + '[tool.setuptools_scm]\nversion_file = "hello/_version.py"\n',
                "MANIFEST.in": "prune hello/pages\n",
            },
            ["0.0.0", True, "0.0.0"],
            id="setuptools-scm-writes-a-file",
        ),
        pytest.param(
            {
                "setup.py": "from setuptools import setup\n"
                "setup(name='hello', packages=['hello'], use_scm_version=True,\n"
                "      include_package_data=True, setup_requires=['setuptools-scm'],\n"
                "      entry_points={'console_scripts': ['hello=hello:main']})\n",
            },
            ["0.0.0", True, None],
            id="setuptools-scm-in-setup-py",
        ),
        pytest.param(
            {
                "pyproject.toml": backend("hatchling.build", "hatchling", "hatch-vcs")
                + PROJECT
                + '[tool.hatch.version]\nsource = "vcs"\n'
                + '[tool.hatch.build.hooks.vcs]\nversion-file = "hello/_version.py"\n',
            },
            ["0.0.0", True, "0.0.0"],
            id="hatch-vcs",
        ),
        pytest.param(
            {
                "pyproject.toml": backend("pbr.build", "setuptools", "pbr>=6"),
                "setup.py": "import setuptools\nsetuptools.setup(pbr=True)\n",
                "setup.cfg": "[metadata]\nname = hello\n[files]\npackages =\n    hello\n"
                "[entry_points]\nconsole_scripts =\n    hello = hello:main\n",
            },
            ["0.0.0", True, None],
            id="pbr",
        ),
        pytest.param(
            {
                "pyproject.toml": backend(
                    SETUPTOOLS, "setuptools>=77", "setuptools-git-versioning>=2,<3"
                )
                + PROJECT
                + DISCOVERY
                + "[tool.setuptools-git-versioning]\nenabled = true\n",
            },
            # Its own word where there is no git; it names no files, with git or without.
            ["0.0.1", False, None],
            id="setuptools-git-versioning",
        ),
        pytest.param(
            {
                "pyproject.toml": backend(
                    SETUPTOOLS, "setuptools>=77", "versioneer[toml]==0.29"
                )
                + PROJECT
                + DISCOVERY
                + '[tool.versioneer]\nVCS = "git"\nstyle = "pep440"\ntag_prefix = "v"\n'
                'versionfile_source = "hello/_version.py"\n'
                'versionfile_build = "hello/_version.py"\n',
                "setup.py": "import setuptools, versioneer\n"
                "setuptools.setup(version=versioneer.get_version(),\n"
                "                 cmdclass=versioneer.get_cmdclass())\n",
                "MANIFEST.in": "graft hello\n",
            },
            ["0+unknown", True, None],
            id="versioneer",
        ),
        pytest.param(
            {
                "pyproject.toml": backend(
                    "poetry_dynamic_versioning.backend",
                    "poetry-core>=1",
                    "poetry-dynamic-versioning>=1,<2",
                )
                + '[tool.poetry]\nname = "hello"\nversion = "0"\ndescription = ""\n'
                'authors = []\n[tool.poetry.scripts]\nhello = "hello:main"\n'
                "[tool.poetry-dynamic-versioning]\nenable = true\n",
            },
            ["0.0.0", True, None],
            id="poetry-dynamic-versioning",
        ),
        pytest.param(
            {
                "pyproject.toml": backend("pdm.backend", "pdm-backend")
                + PROJECT
                + '[tool.pdm.version]\nsource = "scm"\n',
            },
            ["0.0.0", True, None],
            id="pdm",
        ),
    ],
)
def test_it_builds_and_starts(
    workshop: Workshop, files: dict[str, str], answer: list[object]
) -> None:
    image = workshop.build("hello", {**FILES, **files})
    assert json.loads(start(image)) == answer

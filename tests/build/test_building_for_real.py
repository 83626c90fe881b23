"""Real images by the real engine: every kind of project builds, starts and is clean."""

from __future__ import annotations

import json
import subprocess

import pytest
from workshop import ROOT, Workshop, run, start

from karst.build import (
    build_images,
    choose_base,
    engine_lookups,
    read_python_wish,
)
from karst.errors import BuildError

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DEPENDENCY = "itsdangerous"
PRINTS = f"""import json, os, sys
import {DEPENDENCY}
def main():
    print(json.dumps([{DEPENDENCY}.__name__, os.getuid(), os.getcwd(), sys.prefix]))
if __name__ == "__main__":
    main()
"""
PROJECT = f"""[project]
name = "hello"
version = "1"
requires-python = ">=3.9"
dependencies = ["{DEPENDENCY}"]
"""
BACKEND = (
    '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
)
SCRIPTS = '[project.scripts]\nhello = "hello:main"\n'
# Written out, as Poetry can't lock everywhere; the hash is that of PROJECT.
POETRY_LOCK = f"""[[package]]
name = "{DEPENDENCY}"
version = "2.2.0"
description = ""
optional = false
python-versions = ">=3.8"
groups = ["main"]
files = []

[metadata]
lock-version = "2.1"
python-versions = ">=3.9"
content-hash = "634615c9369347424efff5557445170a597fe8bdc1a8f1f7d066b5bbb0fedf44"
"""
ANSWER = [DEPENDENCY, 10001, "/app", "/opt/venv"]


@pytest.mark.parametrize(
    ("files", "lock"),
    [
        pytest.param(
            {
                "main.py": PRINTS,
                "requirements.txt": "-r more.txt\n",
                "more.txt": DEPENDENCY,
            },
            (),
            id="requirements",
        ),
        pytest.param(
            {"hello.py": PRINTS, "pyproject.toml": PROJECT + SCRIPTS + BACKEND},
            (),
            id="project-scripts",
        ),
        pytest.param(
            {
                "src/hello/__init__.py": PRINTS,
                "src/hello/__main__.py": "from hello import main\nmain()\n",
                "pyproject.toml": PROJECT,
            },
            (),
            id="src-layout-not-installed",
        ),
        pytest.param(
            {
                "src/hello/__init__.py": PRINTS,
                "src/hello/__main__.py": "from . import main\nmain()\n",
                # Found on PYTHONPATH, it would replace the standard module.
                "src/select.py": "raise SystemExit('not the standard module')\n",
                "pyproject.toml": PROJECT + BACKEND,
            },
            (),
            id="src-layout-installed",
        ),
        pytest.param(
            {
                "app.py": PRINTS,
                "pyproject.toml": PROJECT + '[dependency-groups]\ndev = ["six"]\n',
            },
            ("uv", "lock"),
            id="uv-lock",
        ),
        pytest.param(
            {"hello.py": PRINTS, "pyproject.toml": PROJECT + SCRIPTS + BACKEND},
            ("uv", "lock"),
            id="uv-lock-installed",
        ),
        pytest.param(
            {"app.py": PRINTS, "pyproject.toml": PROJECT, "poetry.lock": POETRY_LOCK},
            (),
            id="poetry-lock",
        ),
        pytest.param(
            {"app.py": PRINTS, "requirements.in": DEPENDENCY},
            (
                "uv",
                "pip",
                "compile",
                "--python-version=3.9",
                "requirements.in",
                "-o",
                "pylock.toml",
            ),
            id="pylock",
        ),
        pytest.param(
            {
                "app.py": PRINTS,
                "Pipfile.lock": json.dumps(
                    {
                        "_meta": {"sources": [], "requires": {}, "pipfile-spec": 6},
                        "default": {DEPENDENCY: {"version": "==2.2.0"}},
                        "develop": {},
                    }
                ),
            },
            (),
            id="pipfile-lock",
        ),
        pytest.param(
            {
                "hello/__main__.py": PRINTS,
                "hello/__init__.py": "",
                "setup.py": f"from setuptools import setup\nsetup(name='hello', packages=['hello'], install_requires=['{DEPENDENCY}'])\n",
            },
            (),
            id="setup-py",
        ),
        pytest.param(
            {
                "main.py": PRINTS,
                "requirements.txt": "-e .\n",
                "setup.py": f"from setuptools import setup\nsetup(name='hello', py_modules=[], install_requires=['{DEPENDENCY}'])\n",
            },
            (),
            id="requirements-editable",
        ),
    ],
)
def test_every_kind_of_project_builds_and_starts(
    workshop: Workshop, files: dict[str, str], lock: tuple[str, ...]
) -> None:
    if lock:
        source = workshop.folder / "app"
        source.mkdir()
        for name, text in files.items():
            (source / name).write_text(text)
        run(str(ROOT / "venv" / "bin" / lock[0]), *lock[1:], cwd=source)
    image = workshop.build("app", files)
    assert json.loads(start(image)) == ANSWER


def test_the_image_is_clean_and_labelled(workshop: Workshop) -> None:
    build, recipe = workshop.prepare(
        "app",
        {
            "main.py": "print('up')\n",
            ".env": "CANARY-env",
            "secrets/ca.key": "CANARY-key",
            ".karst/state": "CANARY-state",
            ".dockerignore": "main.py\n",
            "deep/.env.local": "CANARY-deep",
        },
    )
    build_images([build], workshop.processes)
    listing = run(
        *("docker", "run", "--rm", "--entrypoint=sh", build.image),
        *("-c", "ls -A /app; which gcc cc uv; ls -d /opt/venv/bin/pip*; id -u; id -un"),
    )
    # What else the base image brings, its pip among it, is the base's own.
    assert listing.splitlines() == [".dockerignore", "main.py", "10001", "karst"]
    image = json.loads(run("docker", "image", "inspect", build.image))[0]
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["python3", "-I", "/opt/karst/shim.py", "--"]
    assert config["Cmd"] == ["python3", "main.py"]
    assert config["Labels"]["karst.slug"] == "file:app"
    assert config["Labels"]["karst.content-key"] == recipe.content_key
    everything = subprocess.run(
        ["docker", "save", build.image], capture_output=True, check=True
    ).stdout
    assert b"CANARY" not in everything


TELLS = """from setuptools import setup
import os
found = sorted(os.listdir('/run/secrets')) if os.path.isdir('/run/secrets') else []
found = [name for name in found if name != 'karst_ca']
token = open('/run/secrets/TOKEN').read() if 'TOKEN' in found else ''
setup(name='hello', version='%d.%d' % (len(found), len(token)))
"""
VERSION = "import importlib.metadata as m\nprint(m.version('hello'))\n"


def test_a_build_secret_reaches_the_service_that_names_it_only(
    workshop: Workshop,
) -> None:
    files = {"setup.py": TELLS, "main.py": VERSION}
    told, _ = workshop.prepare("told", files, secrets={"TOKEN": "CANARY-TOKEN"})
    untold, _ = workshop.prepare("untold", files)
    build_images([told, untold], workshop.processes)
    assert (start(told.image), start(untold.image)) == ("1.12\n", "0.0\n")
    everything = subprocess.run(
        ["docker", "save", told.image], capture_output=True, check=True
    ).stdout
    assert b"CANARY" not in everything


def test_changed_code_installs_no_dependency_again(workshop: Workshop) -> None:
    files = {"main.py": "print(1)\n", "requirements.txt": DEPENDENCY}
    workshop.build("app", files)
    (workshop.folder / "again").mkdir()
    second = Workshop(
        workshop.folder / "again", workshop.engine, workshop.builder, workshop.stack
    )
    build, _ = second.prepare("app", {**files, "main.py": "print(2)\n"})
    workshop.images.append(build.image)
    lines: list[str] = []
    build_images([build], second.processes, on_line=lambda _, line: lines.append(line))
    step = next(line for line in lines if "uv pip install" in line).split()[0]
    assert any(line.split() == [step, "CACHED"] for line in lines)
    assert start(build.image) == "2\n"


def test_a_dependency_that_does_not_install_is_a_sentence(workshop: Workshop) -> None:
    good, _ = workshop.prepare("good", {"main.py": "print('fine')\n"})
    bad, _ = workshop.prepare(
        "bad",
        {
            "main.py": "print()",
            "requirements.txt": "karst-there-is-no-such-package==9.9\n",
        },
    )
    with pytest.raises(BuildError) as caught:
        build_images([good, bad], workshop.processes)
    error = caught.value
    assert (error.what, error.where, error.exit_code) == (
        "the image does not build",
        "service 'bad'",
        14,
    )
    assert error.remedy == (
        "a dependency can't be had: correct it in the repository's requirements or lock file"
    )
    assert "karst-there-is-no-such-package" in error.detail
    assert len(error.detail.splitlines()) <= 25
    assert start(good.image) == "fine\n"


def test_a_dockerfile_of_its_own_and_an_executable_main(workshop: Workshop) -> None:
    base = choose_base(
        read_python_wish(workshop.folder), engine_lookups(workshop.engine)
    )
    image = workshop.build(
        "own", {"Dockerfile": f'FROM {base.pinned}\nCMD ["echo", "own"]\n'}
    )
    assert start(image) == "own\n"
    (workshop.folder / "other").mkdir()
    program = workshop.folder / "other" / "main"
    program.write_text("#!/bin/sh\necho other\n")
    program.chmod(0o755)
    assert start(workshop.build("other", {})) == "other\n"


def test_a_dockerfile_reaches_no_other_service_s_caches(workshop: Workshop) -> None:
    base = choose_base(
        read_python_wish(workshop.folder), engine_lookups(workshop.engine)
    )
    theirs = f"karst-{workshop.stack}-theirs"
    mounts = [theirs, f"../theirs/{theirs}", f"/../../{workshop.stack}/theirs/{theirs}"]
    poison = "".join(
        f"RUN --mount=type=cache,id={name},target=/c touch /c/poison\n"
        for name in mounts
    )
    look = f"RUN --mount=type=cache,id={theirs},target=/c ls -A /c > /found\n"
    begin, end = f"FROM {base.pinned}\n", 'CMD ["cat", "/found"]\n'
    workshop.build("mine", {"Dockerfile": begin + poison + end})
    assert start(workshop.build("theirs", {"Dockerfile": begin + look + end})) == ""

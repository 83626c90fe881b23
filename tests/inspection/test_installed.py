"""What a Dockerfile installs where no manifest names anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.inspection import resolve_entrypoint

_PROGRAM = 'import flask\n\napp = flask.Flask(__name__)\n\nif __name__ == "__main__":\n    app.run(port=5000)\n'


def _tree(path: Path, steps: str, **files: str) -> Path:
    path.mkdir()
    text = f"FROM python:3.12-slim\nWORKDIR /srv\nCOPY . .\n{steps}\n"
    (path / "Dockerfile").write_text(f'{text}CMD ["python", "app.py"]\n')
    (path / "app.py").write_text(_PROGRAM)
    for name, content in files.items():
        (path / f"{name}.txt").write_text(content)
    return path


@pytest.mark.parametrize(
    ("steps", "packages"),
    [
        ("RUN pip install flask", ("flask",)),
        ("RUN pip3 install --no-cache-dir -U pip flask==3.0.0", ("flask==3.0.0",)),
        ("RUN python3 -m pip install 'flask[async]>=2'", ("flask[async]>=2",)),
        ("RUN uv pip install --system flask", ("flask",)),
        ("RUN apt-get update && pip install \\\n flask \\\n redis", ("flask", "redis")),
        ("RUN pip install flask\nRUN pip install flask==3.1", ("flask==3.1",)),
        ("RUN pip install flask git+https://example.org/x.git ./y -e z", ("flask",)),
        ("RUN pip install 'flask @ https://example.org/f.whl'", ()),
        ("RUN pip install --index-url https://example.org/simple flask", ()),
        ("RUN pip install -i https://example.org/simple flask", ()),
        ("RUN pip install \"flask; python_version > '3'\" redis", ("redis",)),
        ("RUN pip install $PACKAGES redis", ("redis",)),
        ("RUN pip download flask", ()),
        ("RUN echo pip install flask", ()),
    ],
)
def test_plain_requirements_are_taken(
    tmp_path: Path, steps: str, packages: tuple[str, ...]
) -> None:
    assert resolve_entrypoint(_tree(tmp_path / "a", steps)).packages == packages


def test_a_manifest_says_it_all(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "a", "RUN pip install redis", requirements="flask\n")
    assert resolve_entrypoint(tree).packages == ()


def test_a_named_entrypoint_gets_them_too(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "a", "RUN pip install flask")
    assert resolve_entrypoint(tree, declared="app.py").packages == ("flask",)


@pytest.mark.parametrize("folder", ["conf dir", "conf\nRUN x", 'conf"'])
def test_no_odd_folder_names_dependencies(tmp_path: Path, folder: str) -> None:
    tree = _tree(tmp_path / "a", "")
    (tree / folder).mkdir()
    (tree / folder / "requirements.txt").write_text("flask\n")
    assert resolve_entrypoint(tree).folder == ""
    (tree / folder).rename(tree / "conf")
    assert resolve_entrypoint(tree).folder == "conf"


def test_another_folders_dockerfile_says_nothing_of_the_root(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "a", "")
    (tree / "other").mkdir()
    text = "FROM python:3.12\nCOPY . /app\nRUN pip install redis\n"
    (tree / "other" / "Dockerfile").write_text(text)
    assert resolve_entrypoint(tree).packages == ()

"""Which program is meant, where the author declared nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.errors import EntrypointError
from karst.inspection import Entrypoint, resolve_entrypoint

FLASK = "from flask import Flask\n\napp = Flask(__name__)\n"
RUNS = '\nif __name__ == "__main__":\n    app.run(port=5000)\n'
GUARD = 'if __name__ == "__main__":\n    print(1)\n'
GROUP = "import click\n\n@click.group()\ndef cli(): ...\n\n@cli.command()\ndef users(): ...\n"
PROJECT = "[build-system]\nrequires = []\n[project]\nname = 'shop'\nversion = '1'\n"


def resolve(tree: Path, files: dict[str, str]) -> Entrypoint:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return resolve_entrypoint(tree)


def refused(tree: Path, files: dict[str, str]) -> str:
    with pytest.raises(EntrypointError) as caught:
        resolve(tree, files)
    return caught.value.what


def test_what_only_serves_when_it_is_started_itself_is_not_its_importer_s(
    tmp_path: Path,
) -> None:
    files = {"batch.py": "import web\n" + GUARD, "web.py": FLASK + RUNS}
    assert resolve(tmp_path, files).value == "web.py"


def test_it_serves_though_a_likelier_name_only_imports_it(tmp_path: Path) -> None:
    files = {"start.py": "import lib.web\n" + GUARD, "lib/web.py": FLASK + RUNS}
    assert resolve(tmp_path, files).value == "lib/web.py"


def test_the_first_page_of_streamlit_is_meant(tmp_path: Path) -> None:
    page = "import streamlit as st\n\nst.write(1)\n"
    files = {"alpha.py": page, "beta.py": f"{page}st.set_page_config(layout='wide')\n"}
    assert "streamlit run beta.py" in resolve(tmp_path, files).value


def test_a_helper_is_not_started(tmp_path: Path) -> None:
    scripts = "[project.scripts]\nshop-admin = 'shop.cli:cli'\n"
    files = {"pyproject.toml": PROJECT + scripts, "shop/cli.py": GROUP}
    assert refused(tmp_path, files).startswith("this is a library")


def test_a_script_without_a_module_comes_after_others(tmp_path: Path) -> None:
    scripts = (
        "[project.scripts]\nshop = 'made.at.build:main'\nshop-run = 'shop.run:main'\n"
    )
    files = {"pyproject.toml": PROJECT + scripts, "shop/run.py": "def main(): ...\n"}
    assert resolve(tmp_path, files).value == "shop-run"


def test_a_package_is_imported_from_above_itself(tmp_path: Path) -> None:
    files = {
        "src/application/__init__.py": "import settings\n" + FLASK,
        "src/application/settings.py": "",
    }
    told = resolve(tmp_path, files)
    assert "gunicorn application:app" in told.value
    assert told.python_path == "/app/src"


@pytest.mark.parametrize(
    "name", ["setup.py", "conftest.py", "noxfile.py", "fabfile.py"]
)
def test_a_tool_s_file_is_no_program(tmp_path: Path, name: str) -> None:
    files = {f"inner/{name}": GUARD, "inner/requirements.txt": ""}
    assert refused(tmp_path, files) == "nothing to start was found"


def test_a_factory_that_wants_arguments_can_t_be_called(tmp_path: Path) -> None:
    text = "from flask import Flask\n\ndef create_app(config):\n    return Flask('s')\n"
    refused(tmp_path / "a", {"shop.py": text})
    served = resolve(tmp_path / "b", {"shop.py": text.replace("config", "config=None")})
    assert "gunicorn 'shop:create_app()'" in served.value


def test_a_project_for_tests_is_no_service(tmp_path: Path) -> None:
    manage = (
        "import django\n\nprint(django, 'DJANGO_SETTINGS_MODULE', 'tests.settings')\n"
    )
    assert refused(tmp_path, {"manage.py": manage, "tests/settings.py": ""})


def test_what_shows_a_library_is_not_meant(tmp_path: Path) -> None:
    classifiers = "classifiers = ['Topic :: Software Development :: Libraries']\n"
    files = {
        "pyproject.toml": PROJECT + classifiers,
        "compose.yaml": "services:\n  demo:\n    build: {dockerfile: demo.Dockerfile}\n    command: python3 show.py\n",
        "demo.Dockerfile": "FROM python:3.11\nCOPY . .\n",
        "show.py": GUARD,
    }
    assert refused(tmp_path, files).startswith("this is a library")
    (tmp_path / "Procfile").write_text("web: python3 show.py\n")
    assert resolve(tmp_path, {}).rule == "Procfile: web"


@pytest.mark.parametrize(
    ("call", "port", "protocol"),
    [
        ("app.run(port=81)", 81, "http"),
        ("app.run()", 5000, "http"),
        ("app.run('0.0.0.0', 82)", 82, "http"),
        ("app.run(port=int(os.environ.get('PORT', 83)))", 83, "http"),
        ("app.run(port=os.getenv('PORT') or 84)", 84, "http"),
        ("app.run(port=NUMBER)", 85, "http"),
        ("app.run(port=settings.port)", None, "http"),
        ("app.run(**settings)", None, "http"),
    ],
)
def test_the_port_that_is_written(
    tmp_path: Path, call: str, port: int | None, protocol: str
) -> None:
    text = (
        f"import os\n\nNUMBER = 85\n{FLASK}\nif __name__ == '__main__':\n    {call}\n"
    )
    told = resolve(tmp_path, {"app.py": text})
    assert (told.port, told.protocol) == (port, protocol)


def test_an_application_from_elsewhere_runs_itself(tmp_path: Path) -> None:
    text = (
        "from flask import request\nfrom loading import Loader\n\napp = Loader.load()\n"
    )
    told = resolve(
        tmp_path, {"app.py": f"{text}\nif __name__ == '__main__':\n    app.run()\n"}
    )
    assert (told.port, told.protocol) == (5000, "http")


def test_an_object_of_a_lesser_framework_runs_itself(tmp_path: Path) -> None:
    text = "from flask_openapi3 import OpenAPI\n\nshop = OpenAPI('s')\n"
    files = {"serve.py": f"{text}\ndef main():\n    shop.run(port=7000)\n"}
    told = resolve(tmp_path, files)
    assert (told.value, told.port) == ("serve:main", 7000)


def test_a_worker_is_told_by_what_it_calls(tmp_path: Path) -> None:
    text = "import pika\n\ndef main():\n    pika.connect().start_consuming()\n"
    files = {"alpha/main.py": GUARD, "zeta/main.py": text}
    assert resolve(tmp_path, files).workdir == "/app/zeta"


def test_an_application_is_made_by_a_module_s_function(tmp_path: Path) -> None:
    make = "from flask import Flask\n\ndef create(app=None):\n    return Flask('s')\n"
    files = {
        "core.py": make.replace("create", "make_server"),
        "app.py": "import core\n\nservice = core.make_server()\n",
    }
    assert "gunicorn app:service" in resolve(tmp_path, files).value


def test_the_setup_is_never_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    text = f"open({str(proof)!r}, 'w')\nfrom setuptools import setup\nsetup(name='x', entry_points=open('y').read())\n"
    refused(tmp_path, {"setup.py": text})
    assert not proof.exists()


@pytest.mark.parametrize("depth", [200, 400, 800, 3000])
def test_deep_nesting_is_a_sentence_or_an_answer(tmp_path: Path, depth: int) -> None:
    text = "print(" + "1+" * depth + "1)\n"
    (tmp_path / "main.py").write_text(text)
    try:
        assert resolve_entrypoint(tmp_path).value == "main.py"
    except EntrypointError as error:
        assert error.remedy  # noqa: PT017

"""Commands that authors declared: stages, shells, platforms, in their details."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.errors import EntrypointError
from karst.inspection import Entrypoint, resolve_entrypoint
from karst.inspection.shell import default_port, expand, quote, simple_commands
from karst.inspection.stages import read_last_stage

OBJECT = "from fastapi import FastAPI\n\napp = FastAPI()\n"
GUARD = 'if __name__ == "__main__":\n    pass\n'


def resolve(tree: Path, files: dict[str, str]) -> Entrypoint:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return resolve_entrypoint(tree)


class TestStages:
    def test_a_copied_folder_tells_where_its_parent_is(self, tmp_path: Path) -> None:
        dockerfile = "FROM python:3.11\nCOPY ./app /code/app\nWORKDIR /elsewhere\nCMD python /code/run.py\n"
        stage = read_last_stage(dockerfile)
        assert stage
        assert stage.copies == {"/code/app": "app", "/code": ""}
        files = {"Dockerfile": dockerfile, "app/x.py": "", "run.py": GUARD}
        assert resolve(tmp_path, files).command == ("python3", "/app/run.py")

    def test_arguments_and_variables(self) -> None:
        stage = read_last_stage(
            "ARG TAG=3.11\nFROM python:${TAG}-slim AS base\nENV A=1 B=$A\nENV C two words\n"
            "ARG D=4\nWORKDIR /x\nWORKDIR y\nEXPOSE 80/tcp 443\n"
            "FROM base\nCOPY --from=base /x/y /z\nCMD run\n"
        )
        assert stage
        assert (stage.base, stage.workdir, stage.ports) == (
            "python:3.11-slim",
            "/x/y",
            (80, 443),
        )
        assert stage.env == {"A": "1", "B": "", "C": "two words"} | {
            "B": stage.env["B"]
        }
        assert stage.values["D"] == "4"

    @pytest.mark.parametrize(
        ("last", "meant"), [("test", "prod"), ("dev", "prod"), ("web", "web")]
    )
    def test_a_last_stage_for_tests_is_not_meant(self, last: str, meant: str) -> None:
        stage = read_last_stage(
            f"FROM a AS prod\nCMD prod\nFROM a AS {last}\nCMD {last}\n"
        )
        assert stage
        assert stage.command
        assert stage.command.text == meant

    @pytest.mark.parametrize("text", ["", "FROM\n", "CMD x\n", "COPY a b\n"])
    def test_what_is_no_dockerfile(self, text: str) -> None:
        stage = read_last_stage(text)
        assert stage is None or stage.command is None


class TestShell:
    @pytest.mark.parametrize(
        ("text", "port", "expanded"),
        [
            ("a $PORT", None, "a $PORT"),
            ("a ${PORT:-80}", 80, "a $PORT"),
            ("a ${PORT:-${X:-81}}", 81, "a $PORT"),
            ("a ${X:-${PORT:-82}}", 82, "a $PORT"),
            ("a $X ${Y}", None, "a 1 ${Y}"),
            ("a ${Z:-b}", None, "a b"),
            ("a ${X:+b}", None, "a 1"),
        ],
    )
    def test_variables(self, text: str, port: int | None, expanded: str) -> None:
        values = {"X": "1", "PORT": "99"} if "X:-" not in text else {"PORT": "99"}
        assert (default_port(text), expand(text, values)) == (port, expanded)

    def test_commands(self) -> None:
        text = "a 'b\nc' && d; e | f &\n(g) # h\ni \\\n  j"
        assert simple_commands("a && b # c") == [["a"], ["b"]]
        assert simple_commands(text)[:4] == [["a", "b\nc"], ["d"], ["e"], ["f"]]
        assert simple_commands("it's\nfine") == [["fine"]]

    def test_a_variable_stays_alive_in_quotes(self) -> None:
        assert (
            quote(["a b", "$PORT", 'x "$Y"', "`z`"])
            == "'a b' $PORT \"x \\\"$Y\\\"\" '`z`'"
        )


class TestWhatCannotRunHere:
    def test_a_web_process_that_is_unknown_gives_no_place_to_a_worker(
        self, tmp_path: Path
    ) -> None:
        files = {
            "Procfile": "web: some-platform-tool serve\nworker: celery -A jobs worker\n",
            "main.py": OBJECT,
            "jobs.py": "",
        }
        told = resolve(tmp_path, files)
        assert told.rule == "an application object: object main:app"

    def test_a_published_compose_service_gives_no_place_to_a_worker(
        self, tmp_path: Path
    ) -> None:
        files = {
            "compose.yaml": "services:\n  web:\n    build: .\n    command: some-tool\n    ports: ['80:80']\n"
            "  jobs:\n    build: .\n    command: celery -A jobs worker\n",
            "Dockerfile": "FROM python:3.11\nCOPY . .\n",
            "main.py": OBJECT,
        }
        told = resolve(tmp_path, files)
        assert told.rule == "an application object: object main:app"

    @pytest.mark.parametrize(
        ("lines", "workdir"),
        [
            ("cd /code/api\n", "/app/api"),
            ("cd ui\ncd ../api\n", "/app/api"),
            ("cd ui && true\ncd ..\ncd api\n", "/app/api"),
            ("cd ''\ncd /nowhere\ncd api\n", "/app/api"),
            ("if true; then\n  cd ui\nfi\ncd ../..\ncd api\n", "/app/api"),
        ],
    )
    def test_a_script_in_the_author_s_folder_is_followed(
        self, tmp_path: Path, lines: str, workdir: str
    ) -> None:
        files = {
            "Dockerfile": "FROM python:3.11\nWORKDIR /code\nCOPY . .\nCMD ./go.sh\n",
            "go.sh": f"#!/bin/sh\nls /code\n{lines}uvicorn main:app\n",
            "ui/a.txt": "",
            "api/main.py": OBJECT,
            "ui/main.py": "",
        }
        told = resolve(tmp_path, files)
        assert (told.command[-1].split()[:3], told.workdir) == (
            ["exec", "uvicorn", "main:app"],
            workdir,
        )

    def test_a_step_that_fails_the_second_time_is_left_out(
        self, tmp_path: Path
    ) -> None:
        files = {
            "Dockerfile": "FROM python:3.11\nWORKDIR /code\nCOPY . .\nCMD ./go.sh\n",
            "go.sh": "#!/bin/sh\nls /code\npython manage.py migrate\npython manage.py createsuperuser --noinput\n"
            "python manage.py loaddata first\nexec uvicorn main:app\n",
            "manage.py": "",
            "main.py": OBJECT,
        }
        steps = resolve(tmp_path, files).command[-1].split(" && ")
        assert steps[:-1] == ["python3 manage.py migrate"]

    def test_a_detached_worker_is_not_the_service(self, tmp_path: Path) -> None:
        script = "#!/bin/sh\nuvicorn main:app\ncelery -A jobs worker --detach\ncelery multi start w1 -A jobs\n"
        files = {
            "Dockerfile": "FROM python:3.11\nWORKDIR /app\nCOPY . .\nCMD ./go.sh\n",
            "go.sh": script,
            "main.py": OBJECT,
            "jobs.py": "",
        }
        assert resolve(tmp_path, files).protocol == "http"

    def test_what_stands_before_uwsgi_is_beside_it(self, tmp_path: Path) -> None:
        files = {
            "Dockerfile": "FROM python:3.11\nWORKDIR /app\nCOPY . .\nCMD ./go.sh\n",
            "go.sh": "#!/bin/sh\ncelery -A jobs worker &\nuwsgi --socket :3031 --module main:app\n",
            "main.py": OBJECT,
            "jobs.py": "",
        }
        assert resolve(tmp_path, files).kind == "dockerfile"

    def test_a_file_that_is_missing_is_no_command(self, tmp_path: Path) -> None:
        with pytest.raises(EntrypointError):
            resolve(tmp_path, {"Procfile": "web: python gone.py\n"})

    @pytest.mark.parametrize(
        "text",
        [
            "services: [",
            "- a\n",
            "services: 1\n",
            "a: &a [*a]\n",
            "services: {web: {build: [1]}}\n",
            "x" * 70_000,
        ],
    )
    def test_a_broken_compose_file_says_nothing(
        self, tmp_path: Path, text: str
    ) -> None:
        told = resolve(tmp_path, {"compose.yaml": text, "main.py": GUARD})
        assert told.command == ("python3", "main.py")

    def test_a_compose_folder_outside_of_the_tree_is_not_looked_at(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "inner").mkdir()
        (tmp_path / "secret.py").write_text(GUARD)
        files = {
            "compose.yaml": "services:\n  web:\n    build: ..\n    command: python secret.py\n",
            "main.py": GUARD,
        }
        told = resolve(tmp_path / "inner", files)
        assert told.command == ("python3", "main.py")


class TestVariablesOfTheImage:
    def test_only_what_is_the_app_s(self, tmp_path: Path) -> None:
        dockerfile = (
            "FROM python:3.11\nENV PATH=/x HOME=/y PYTHONUNBUFFERED=1 PIP_X=1 FLASK_APP=a.py DATA=/srv NOTE='a b'\n"
            "CMD flask run\n"
        )
        files = {"Dockerfile": dockerfile, "a.py": "", "requirements.txt": "flask\n"}
        told = resolve(tmp_path, files)
        assert told.env == (("FLASK_APP", "a.py"), ("NOTE", "a b"))

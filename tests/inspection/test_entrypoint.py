"""How programs are found to start: overrides, five rules, and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.errors import EntrypointError
from karst.inspection.commands import run_function
from karst.inspection.entrypoint import Entrypoint, Evidence
from karst.inspection.resolve import resolve_entrypoint
from karst.inspection.source import SourceTree

GUARD = 'if __name__ == "__main__":\n    pass\n'
MAIN = "def main():\n    pass\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text("hello\n")
    return tmp_path


def write(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def answer(entrypoint: Entrypoint) -> tuple[str, tuple[str, ...]]:
    return entrypoint.rule.partition(":")[0], entrypoint.command


PYPROJECT = (
    '[project]\nname = "my-shop"\n[project.scripts]\nshop = "shop:run"\nother = "x:y"\n'
)


@pytest.mark.parametrize(
    ("files", "rule", "command"),
    [
        ({"pyproject.toml": PYPROJECT, "main.py": GUARD}, "1", ("shop",)),
        (
            {"pkg/__main__.py": "", "main.py": "", "app.py": ""},
            "2",
            ("python3", "-m", "pkg"),
        ),
        (
            {
                "pyproject.toml": '[project]\nname = "My-Shop"\n',
                "my_shop/__main__.py": "",
                "a/__main__.py": "",
            },
            "2",
            ("python3", "-m", "my_shop"),
        ),
        (
            {"main.py": "", "__main__.py": "", "app.py": ""},
            "3",
            ("python3", "main.py"),
        ),
        ({"__main__.py": "", "app.py": ""}, "3", ("python3", "__main__.py")),
        ({"main.py": "", "app/__main__.py": ""}, "3", ("python3", "main.py")),
        ({"app.py": "", "app/__main__.py": ""}, "4", ("python3", "app.py")),
        (
            {"app/__main__.py": "", "src/p/__main__.py": ""},
            "4",
            ("python3", "-m", "app"),
        ),
        (
            {"src/p/__main__.py": "", "server.py": GUARD},
            "4",
            ("python3", "-m", "p"),
        ),
        ({"tests/__main__.py": "", "go.py": GUARD}, "5", ("python3", "go.py")),
        ({"x.py": GUARD, "server.py": GUARD}, "5", ("python3", "server.py")),
        ({"deep/server.py": GUARD, "x.py": GUARD}, "5", ("python3", "x.py")),
        ({"x.py": MAIN, "y.py": GUARD}, "5", ("python3", "y.py")),
        (
            {"p/__init__.py": "", "p/run.py": GUARD},
            "5",
            ("python3", "-m", "p.run"),
        ),
        ({"p/run.py": GUARD}, "5", ("python3", "p/run.py")),
        (
            {"p/bot.py": MAIN},
            "5",
            ("python3", "-c", "import sys; from p.bot import main; sys.exit(main())"),
        ),
        (
            {"bot.py": "async def main():\n    pass\n"},
            "5",
            (
                "python3",
                "-c",
                "import asyncio, sys; from bot import main; sys.exit(asyncio.run(main()))",
            ),
        ),
        ({"my-bot.py": MAIN}, "5", ("python3", "my-bot.py")),
        ({"x.py": 'if "__main__" == __name__:\n  pass\n'}, "5", ("python3", "x.py")),
        (
            {"setup.py": GUARD, "tests/t.py": GUARD, "test_x.py": GUARD, "z.py": GUARD},
            "5",
            ("python3", "z.py"),
        ),
        (
            {"broken.py": "def main(:\n", "z.py": MAIN, "nul.py": "\0"},
            "5",
            ("python3", "-c", "import sys; from z import main; sys.exit(main())"),
        ),
    ],
)
def test_the_rules_in_their_order(
    tree: Path, files: dict[str, str], rule: str, command: tuple[str, ...]
) -> None:
    write(tree, files)
    found = resolve_entrypoint(tree, detection="conventional")
    assert answer(found) == (rule, command)


def test_the_answer_carries_its_evidence_and_the_others(tree: Path) -> None:
    write(
        tree,
        {
            "pyproject.toml": PYPROJECT,
            "pkg/__main__.py": "",
            "main.py": "import os\n\n" + GUARD,
            "Dockerfile": 'FROM x\nCMD ["y"]\n',
        },
    )
    found = resolve_entrypoint(tree, detection="conventional")
    assert (found.kind, found.value, found.workdir) == ("script", "shop", "/app")
    assert found.evidence == (Evidence("pyproject.toml", 4, 'shop = "shop:run"'),)
    assert [(c.rule[:1], c.value) for c in found.candidates] == [
        ("1", "other"),
        ("2", "pkg"),
        ("3", "main.py"),
        ("t", "Dockerfile"),
    ]
    assert found.candidates[2].evidence == (
        Evidence("main.py", 3, 'if __name__ == "__main__":'),
    )


def test_src_is_on_the_path_of_what_lies_there(tree: Path) -> None:
    write(tree, {"src/p/__init__.py": "", "src/p/__main__.py": GUARD})
    assert resolve_entrypoint(tree).python_path == "/app/src"
    write(tree, {"src/p/x.py": "def go(): ...\n"})
    assert resolve_entrypoint(tree, declared="p.x:go").python_path == "/app/src"
    assert resolve_entrypoint(tree, declared=("p",)).python_path == ""


def test_the_fetched_code_is_never_run(tree: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    text = f"open({str(proof)!r}, 'w')\n{MAIN}"
    write(tree, {"p/__init__.py": text, "p/server.py": text, "setup.py": text})
    resolve_entrypoint(tree)
    resolve_entrypoint(tree, declared="p.server:main")
    assert not proof.exists()


class TestOverrides:
    def test_repos_yaml_wins_over_the_variable_over_the_label(self, tree: Path) -> None:
        write(
            tree,
            {
                "Dockerfile": 'FROM x\nLABEL ENTRYPOINT="m:label"\n',
                "m.py": "def label(): ...\ndef variable(): ...\ndef yaml(): ...\n",
            },
        )
        told = resolve_entrypoint(
            tree, declared="m:yaml", environment_override="m:variable"
        )
        assert told.value == "m:yaml"
        told = resolve_entrypoint(tree, environment_override="m:variable")
        assert (told.value, told.rule) == ("m:variable", "the variable ENTRYPOINT")
        told = resolve_entrypoint(tree)
        assert (told.value, told.rule) == (
            "m:label",
            "LABEL ENTRYPOINT in the Dockerfile",
        )
        assert told.evidence == (
            Evidence("Dockerfile", 2, 'LABEL ENTRYPOINT="m:label"'),
        )

    @pytest.mark.parametrize(
        "dockerfile",
        [
            'FROM x\nLABEL ENTRYPOINT="custom.module:main_function"\n',
            "FROM x\nlabel ENTRYPOINT=custom.module:main_function\n",
            "FROM x\nLABEL ENTRYPOINT custom.module:main_function\n",
            "FROM x\nLABEL a=\"b c\" \\\n  # why\n\n  ENTRYPOINT='custom.module:main_function' d=e\n",
            "# escape=`\nFROM x\nLABEL a=b `\n ENTRYPOINT=custom.module:main_function\n",
            "FROM x\nLABEL ENTRYPOINT=old:one\nFROM y\nLABEL ENTRYPOINT=custom.module:main_function\n",
        ],
    )
    def test_every_form_of_the_label(self, tree: Path, dockerfile: str) -> None:
        write(tree, {"Dockerfile": dockerfile})
        assert resolve_entrypoint(tree).command == (
            "python3",
            "-c",
            "import sys; from custom.module import main_function; sys.exit(main_function())",
        )

    @pytest.mark.parametrize(
        "dockerfile",
        [
            "FROM x\n# LABEL ENTRYPOINT=a:b\n",
            "FROM x\nLABEL entrypoint=a:b\n",
            'FROM x\nLABEL ENTRYPOINT="a:b\n',
            'FROM x\nENTRYPOINT ["x"]\n',
        ],
    )
    def test_what_is_no_label(self, tree: Path, dockerfile: str) -> None:
        write(tree, {"Dockerfile": dockerfile})
        assert resolve_entrypoint(tree).kind == "dockerfile"

    @pytest.mark.parametrize(
        ("declared", "kind", "command"),
        [
            (
                ("gunicorn", "-w", "2", "m:app"),
                "command",
                ("gunicorn", "-w", "2", "m:app"),
            ),
            ("m.py", "file", ("python3", "m.py")),
            ("p", "module", ("python3", "-m", "p")),
            ("m", "module", ("python3", "-m", "m")),
            ("q.worker", "module", ("python3", "-m", "q.worker")),
            ("shop", "script", ("shop",)),
            (
                "m:App.serve",
                "function",
                (
                    "python3",
                    "-c",
                    "import sys; from m import App; sys.exit(App.serve())",
                ),
            ),
            (
                "m:later",
                "function",
                (
                    "python3",
                    "-c",
                    "import asyncio, sys; from m import later; sys.exit(asyncio.run(later()))",
                ),
            ),
            (
                "uvicorn:main",
                "function",
                (
                    "python3",
                    "-c",
                    "import sys; from uvicorn import main; sys.exit(main())",
                ),
            ),
        ],
    )
    def test_what_can_be_declared(
        self,
        tree: Path,
        declared: str | tuple[str, ...],
        kind: str,
        command: tuple[str, ...],
    ) -> None:
        write(
            tree,
            {
                "pyproject.toml": PYPROJECT,
                "m.py": "class App: ...\nasync def later(): ...\n",
                "p/__main__.py": "",
                "src/q/__init__.py": "",
                "src/q/worker.py": "",
            },
        )
        told = resolve_entrypoint(tree, declared=declared)
        assert (told.kind, told.command) == (kind, command)
        assert told.python_path == ("/app/src" if declared == "q.worker" else "")

    @pytest.mark.parametrize(
        ("declared", "what"),
        [
            ("gone.py", "there is no file 'gone.py'"),
            ("/etc/x.py", "there is no file '/etc/x.py'"),
            ("gone", "there is no module and no script 'gone'"),
            ("p", "the package 'p' has no __main__.py"),
            ("p.gone:run", "there is no module 'p.gone'"),
            ("p:x();import os", "'p:x();import os' is no entrypoint"),
            ("p:class", "'p:class' is no entrypoint"),
            ("gunicorn m:app", "'gunicorn m:app' is no entrypoint"),
            ("", "'' is no entrypoint"),
            ((), "the command is empty"),
        ],
    )
    def test_what_cannot_be_is_a_sentence(
        self, tree: Path, declared: str | tuple[str, ...], what: str
    ) -> None:
        write(tree, {"p/__init__.py": "x = 1\n"})
        with pytest.raises(EntrypointError) as caught:
            resolve_entrypoint(tree, declared=declared)
        assert str(caught.value) == (
            f"entrypoint: in repos.yaml: {what}\n"
            "  -> write module:function, a module, a .py file, a console script, or a list of words for a command"
        )

    @pytest.mark.parametrize(
        ("declared", "command", "packages"),
        [
            (
                "api.web:app",
                "exec uvicorn api.web:app --host 0.0.0.0 --port $PORT",
                ("uvicorn>=0.20,<1",),
            ),
            (
                "shop:create_app",
                "exec gunicorn 'shop:create_app()' --bind 0.0.0.0:$PORT",
                (),
            ),
        ],
    )
    def test_an_application_that_is_named_is_served(
        self, tree: Path, declared: str, command: str, packages: tuple[str, ...]
    ) -> None:
        write(
            tree,
            {
                "requirements.txt": "flask\ngunicorn\nfastapi\n",
                "api/web.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
                "shop.py": "import flask\n\ndef create_app():\n    return flask.Flask('s')\n",
            },
        )
        told = resolve_entrypoint(tree, declared=declared)
        assert told.command == ("sh", "-c", command)
        assert (told.packages, told.protocol) == (packages, "http")
        assert told.rule == "entrypoint: in repos.yaml"

    def test_a_named_command_gets_its_server(self, tree: Path) -> None:
        told = resolve_entrypoint(tree, declared=("gunicorn", "m:app"))
        assert told.command == ("gunicorn", "m:app")
        assert told.packages == ("gunicorn>=20.1,<27",)
        write(tree, {"requirements.txt": "gunicorn==20.0\n"})
        assert resolve_entrypoint(tree, declared=("gunicorn", "m:app")).packages == ()

    def test_a_name_that_the_module_does_not_bind_is_a_sentence(
        self, tree: Path
    ) -> None:
        write(tree, {"p/__init__.py": "def f():\n    run = 1\n", "p/sub.py": ""})
        with pytest.raises(EntrypointError) as caught:
            resolve_entrypoint(tree, declared="p:run")
        assert str(caught.value) == (
            "entrypoint: in repos.yaml: 'run' is not defined in p/__init__.py\n"
            "  -> name a function that p/__init__.py has"
        )
        assert resolve_entrypoint(tree, declared="p:sub.run").kind == "function"

    @pytest.mark.parametrize(
        "text",
        [
            "from x import *\n",
            "def __getattr__(n): ...\n",
            "import run\n",
            "run = 1\n",
            "try:\n    from y import run\nexcept ImportError:\n    run = None\n",
            "def broken(:\n",
        ],
    )
    def test_a_name_may_be_bound_in_many_ways(self, tree: Path, text: str) -> None:
        write(tree, {"p.py": text})
        assert resolve_entrypoint(tree, declared="p:run").kind == "function"


class TestNamesForABuild:
    @pytest.mark.parametrize("folder", ["a b", "x$y", 'q"', "n\nRUN rm"])
    def test_a_folder_with_such_a_name_is_refused(
        self, tree: Path, folder: str
    ) -> None:
        write(tree, {f"{folder}/requirements.txt": "", f"{folder}/main.py": GUARD})
        with pytest.raises(EntrypointError, match="can't be told to a build"):
            resolve_entrypoint(tree)


class TestDockerfileAndOtherLanguages:
    def test_asked_for(self, tree: Path) -> None:
        write(tree, {"Dockerfile": "FROM x\n", "main.py": ""})
        told = resolve_entrypoint(tree, build="dockerfile")
        assert (told.kind, told.command) == ("dockerfile", ())

    def test_asked_for_and_missing(self, tree: Path) -> None:
        with pytest.raises(EntrypointError, match="asks for a Dockerfile"):
            resolve_entrypoint(tree, build="dockerfile")

    def test_it_settles_what_the_rules_leave_open(self, tree: Path) -> None:
        write(tree, {"Dockerfile": "FROM x\n"})
        assert resolve_entrypoint(tree).kind == "dockerfile"
        write(tree, {"a.py": GUARD, "b.py": GUARD})
        told = resolve_entrypoint(tree)
        assert told.kind == "dockerfile"
        assert [c.value for c in told.candidates] == ["a.py", "b.py"]
        with pytest.raises(EntrypointError):
            resolve_entrypoint(tree, build="template")

    def test_an_executable_called_main(self, tree: Path) -> None:
        (tree / "main").write_bytes(b"\x7fELF\xff")
        with pytest.raises(EntrypointError):
            resolve_entrypoint(tree)
        (tree / "main").chmod(0o755)
        assert resolve_entrypoint(tree).command == ("/app/main",)


class TestRefusals:
    def test_nothing_to_start(self, tree: Path) -> None:
        with pytest.raises(EntrypointError) as caught:
            resolve_entrypoint(tree, detection="conventional")
        assert str(caught.value) == (
            f"{tree}: nothing to start was found\n"
            "  -> name it in repos.yaml, for example 'entrypoint: package.module:function', or write a Dockerfile and 'build: dockerfile'\n"
            "  | looked for, in this order:\n"
            "  | Rule 1: the first entry of [project.scripts].\n"
            "  | Rule 2: {package}/__main__.py, the project's own package before others.\n"
            "  | Rule 3: main.py, then __main__.py, at the root.\n"
            "  | Rule 4: app.py, app/__main__.py, then src/{package}/__main__.py.\n"
            '  | Rule 5: a scan for def main( or if __name__ == "__main__", likely names first.\n'
            "  | then an executable file 'main' at the root, then a Dockerfile"
        )
        assert caught.value.exit_code == 13

    def test_equal_programs(self, tree: Path) -> None:
        write(tree, {"b.py": GUARD, "a.py": "\n" + GUARD, "deep/c.py": GUARD})
        with pytest.raises(EntrypointError) as caught:
            resolve_entrypoint(tree)
        assert str(caught.value) == (
            f"{tree}: 2 programs are equally likely to be the one to start\n"
            "  -> choose by one line in repos.yaml: entrypoint: a.py\n"
            '  | entrypoint: a.py    # a.py:2 if __name__ == "__main__":\n'
            '  | entrypoint: b.py    # b.py:1 if __name__ == "__main__":'
        )

    @pytest.mark.parametrize(
        "files",
        [
            {"a/__main__.py": "", "b/__main__.py": ""},
            {"src/a/__main__.py": "", "src/b/__main__.py": ""},
            {"a/main.py": GUARD, "b/main.py": GUARD},
        ],
    )
    def test_equal_packages(self, tree: Path, files: dict[str, str]) -> None:
        write(tree, files)
        with pytest.raises(EntrypointError, match="2 programs are equally likely"):
            resolve_entrypoint(tree)

    @pytest.mark.parametrize("files", [{"a/__main__.py": "", "b/__main__.py": ""}])
    def test_the_offered_line_chooses(self, tree: Path, files: dict[str, str]) -> None:
        write(tree, files)
        with pytest.raises(EntrypointError) as caught:
            resolve_entrypoint(tree)
        line = caught.value.remedy.rpartition("entrypoint: ")[2]
        assert resolve_entrypoint(tree, declared=line).command == ("python3", "-m", "a")

    def test_a_broken_pyproject(self, tree: Path) -> None:
        write(tree, {"pyproject.toml": "[project\n", "main.py": ""})
        with pytest.raises(EntrypointError, match=r"pyproject\.toml can't be read"):
            resolve_entrypoint(tree)
        assert resolve_entrypoint(tree, declared=("x",)).command == ("x",)

    @pytest.mark.parametrize("name", ["../../bin/sh", "-c", "a b", ""])
    def test_a_script_with_a_name_that_is_none(self, tree: Path, name: str) -> None:
        write(tree, {"pyproject.toml": f'[project.scripts]\n"{name}" = "a:b"\n'})
        with pytest.raises(EntrypointError, match="is no name for a script"):
            resolve_entrypoint(tree)

    def test_odd_shapes_of_pyproject_are_passed_over(self, tree: Path) -> None:
        write(tree, {"pyproject.toml": "project = 1\ntool = []\n", "main.py": GUARD})
        assert resolve_entrypoint(tree).value == "main.py"


class TestReading:
    def test_links_out_of_the_tree_are_not_read(self, tree: Path) -> None:
        inner = tree / "inner"
        inner.mkdir()
        (inner / "main.py").symlink_to(tree / "README.md")
        (inner / "loop").symlink_to("loop")
        source = SourceTree(inner)
        assert source.read("main.py") is None
        assert source.read("loop") is None

    def test_huge_files_are_not_read(self, tree: Path) -> None:
        (tree / "x.py").write_text(GUARD + "#" * (1 << 20))
        assert SourceTree(tree).read("x.py") is None

    def test_deep_nesting_is_no_crash(self, tree: Path) -> None:
        (tree / "x.py").write_text("(" * 5000 + ")" * 5000)
        assert SourceTree(tree).parse("x.py") is None

    def test_bad_escapes_raise_no_warning(self, tree: Path) -> None:
        (tree / "x.py").write_text("'\\d'\n")
        assert SourceTree(tree).parse("x.py") is not None

    def test_only_function_names_become_python(self) -> None:
        with pytest.raises(ValueError, match="is no module:function"):
            run_function("os:system('x')", "rule")

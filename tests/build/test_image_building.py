"""The build's command line, the choice of a builder, and failures as sentences."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from karst.build import (
    Builder,
    BuildRecipe,
    ImageBuild,
    build_command,
    build_images,
    detect_builder,
    prepare_context,
)
from karst.command import Command, Outcome
from karst.effects.process import Processes
from karst.errors import BuildError, DiskFullError, EngineError, ToolMissingError
from karst.fetch import Checkout

Render = Callable[..., BuildRecipe]


class TestCommand:
    def test_buildx_whole(self, render: Render) -> None:
        recipe = render({"main.py": "print()"})
        assert build_command(
            recipe,
            "karst/shop-web:k",
            Path("/ctx/.karst-build/Dockerfile"),
            Builder("buildx", "/bin/docker"),
            context=Path("/ctx"),
            secrets={"OTHER": Path("/s/OTHER")},
        ) == Command(
            (
                "/bin/docker",
                "buildx",
                "build",
                "--load",
                "--progress=plain",
                "--file=/ctx/.karst-build/Dockerfile",
                "--tag=karst/shop-web:k",
                "--label=karst.slug=file:./web",
                f"--label=karst.content-key={recipe.content_key}",
                "--build-arg=BUILDKIT_CACHE_MOUNT_NS=karst/shop/web",
                "/ctx",
            ),
            env={"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"},
        )

    def test_an_older_client_with_secrets_whole(self, render: Render) -> None:
        recipe = render({"main.py": "print()"}, secrets=("TOKEN",))
        assert build_command(
            recipe,
            "i",
            Path("/ctx/d"),
            Builder("buildkit", "docker"),
            context=Path("/ctx"),
            ca_bundle=Path("/ca.pem"),
            secrets={"TOKEN": Path("/s/TOKEN"), "OTHER": Path("/s/OTHER")},
        ) == Command(
            (
                "docker",
                "build",
                "--progress=plain",
                "--file=/ctx/d",
                "--tag=i",
                "--label=karst.slug=file:./web",
                f"--label=karst.content-key={recipe.content_key}",
                "--build-arg=BUILDKIT_CACHE_MOUNT_NS=karst/shop/web",
                "--secret=id=TOKEN,src=/s/TOKEN",
                "--secret=id=karst_ca,src=/ca.pem",
                "/ctx",
            ),
            env={"DOCKER_BUILDKIT": "1"},
        )

    def test_a_secret_without_a_value_is_a_sentence(self, render: Render) -> None:
        recipe = render({"main.py": "print()"}, secrets=("TOKEN",))
        with pytest.raises(BuildError) as caught:
            build_command(
                recipe, "i", Path("d"), Builder("buildx", "docker"), context=Path("c")
            )
        assert str(caught.value) == (
            "web: the build's secrets have no value: TOKEN\n"
            "  -> set variables of these names, or take them out of 'build:'"
        )


class TestContext:
    def test_karst_s_files_lie_beside_the_app_s(
        self, render: Render, tmp_path: Path
    ) -> None:
        recipe = render({"main.py": "print()", "a/.dockerignore": "*"})
        into = tmp_path.parent / (tmp_path.name + "-context")
        dockerfile = prepare_context(
            Checkout(tmp_path, "a" * 40, None), recipe, into, shim="the shim"
        )
        assert dockerfile == into / ".karst-build" / "Dockerfile"
        files = {
            str(p.relative_to(into)): p.read_text()
            for p in into.rglob("*")
            if p.is_file()
        }
        assert files == {
            ".dockerignore": "**/.git\n**/.karst\napp/secrets\n**/.env*\n",
            ".karst-build/Dockerfile": recipe.dockerfile,
            ".karst-build/shim.py": "the shim",
            "app/main.py": "print()",
            "app/a/.dockerignore": "*",
        }
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "main.py"]

    def test_links_stay_links(self, render: Render, tmp_path: Path) -> None:
        recipe = render({"main.py": "print()"})
        (tmp_path / "link").symlink_to("main.py")
        into = tmp_path.parent / (tmp_path.name + "-context")
        prepare_context(Checkout(tmp_path, "a" * 40, None), recipe, into, shim="")
        assert (into / "app" / "link").readlink() == Path("main.py")

    def test_a_dockerfile_of_its_own_gets_its_own_files(
        self, render: Render, tmp_path: Path
    ) -> None:
        recipe = render(
            {"Dockerfile": 'FROM scratch\nCMD ["/x"]\n', ".dockerignore": "x\n"}
        )
        into = tmp_path.parent / (tmp_path.name + "-context")
        checkout = Checkout(tmp_path, "a" * 40, None)
        assert prepare_context(checkout, recipe, into, shim="") == into / "Dockerfile"
        assert sorted(p.name for p in into.iterdir()) == [".dockerignore", "Dockerfile"]


def docker(folder: Path, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / "docker"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return program


@pytest.mark.processes
class TestBuilder:
    OLD = '[ "$1" = version ] && echo 20.10.24+dfsg1 && exit 1; exit 1\n'
    NEW = '[ "$1" = version ] && echo 28.2.2 && exit 0; exit 1\n'

    def on_path(self, *folders: Path) -> Processes:
        return Processes({"PATH": os.pathsep.join(map(str, folders))})

    def test_buildx_is_taken_where_it_is(self, tmp_path: Path) -> None:
        program = docker(tmp_path / "a", '[ "$1" = buildx ]\n')
        found = detect_builder(self.on_path(tmp_path / "a"))
        assert found == Builder("buildx", str(program))

    def test_else_an_older_client_wherever_on_the_path(self, tmp_path: Path) -> None:
        docker(tmp_path / "a", self.NEW)
        program = docker(tmp_path / "b", self.OLD)
        found = detect_builder(self.on_path(tmp_path / "a", tmp_path / "b"))
        assert found == Builder("buildkit", str(program))

    def test_a_newer_client_alone_is_a_sentence(self, tmp_path: Path) -> None:
        docker(tmp_path / "a", self.NEW)
        with pytest.raises(ToolMissingError) as caught:
            detect_builder(self.on_path(tmp_path / "a"))
        assert caught.value.what == "the docker client has no BuildKit"
        assert "docker-buildx-plugin" in caught.value.remedy

    def test_one_that_is_slow_to_answer_is_there(self, tmp_path: Path) -> None:
        """As on a machine where everything takes a minute."""

        class Slow(Processes):
            def run(self, command: Command, **_: object) -> Outcome:
                patience = command.timeout or math.inf
                return Outcome(command, 0 if patience > 60 else -15, "23", "", 60)

        program = docker(tmp_path / "a", self.NEW)
        found = detect_builder(Slow({"PATH": str(tmp_path / "a")}))
        assert found == Builder("buildx", str(program))

    def test_no_client_is_a_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(ToolMissingError, match="'docker' is not there"):
            detect_builder(self.on_path(tmp_path))


def shell(service: str, script: str) -> ImageBuild:
    return ImageBuild(service, f"image-{service}", Command(("sh", "-c", script)))


@pytest.mark.processes
class TestBuildImages:
    processes = Processes({"PATH": os.environ["PATH"]}, grace=0.5)

    def test_side_by_side(self, tmp_path: Path) -> None:
        meet = (
            f"touch {tmp_path}/$0; i=0; until [ -e {tmp_path}/$1 ];"
            " do i=$((i+1)); [ $i -gt 3000 ] && exit 1; sleep 0.1; done"
        )
        pair = [
            ImageBuild("a", "i-a", Command(("sh", "-c", meet, "a", "b"))),
            ImageBuild("b", "i-b", Command(("sh", "-c", meet, "b", "a"))),
        ]
        built = build_images(pair, self.processes, workers=2)
        assert [(b.service, b.image) for b in built] == [("a", "i-a"), ("b", "i-b")]

    def test_lines_come_with_their_service(self) -> None:
        seen: list[tuple[str, str]] = []
        build_images(
            [shell("a", "echo one")],
            self.processes,
            on_line=lambda service, line: seen.append((service, line)),
        )
        assert seen == [("a", "one")]

    def test_a_failure_shows_the_last_lines_and_lets_others_finish(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(BuildError) as caught:
            build_images(
                [
                    shell("bad", "seq 100 >&2; exit 1"),
                    shell("good", f"sleep 0.3; touch {tmp_path}/good"),
                ],
                self.processes,
                workers=2,
            )
        assert str(caught.value) == "\n".join(
            [
                "service 'bad': the image does not build",
                "  -> the lines below are the build's last; correct what they name in its repository",
                *(f"  | {n}" for n in range(76, 101)),
            ]
        )
        assert caught.value.exit_code == 14
        assert (tmp_path / "good").exists()

    def test_several_failures_are_all_told(self) -> None:
        with pytest.raises(BuildError) as caught:
            build_images(
                [shell("a", "echo why-a; exit 1"), shell("b", "echo why-b; exit 1")],
                self.processes,
            )
        assert caught.value.what == "2 images do not build"
        assert caught.value.where == "service 'a', service 'b'"
        assert "why-a" in caught.value.detail
        assert "why-b" in caught.value.detail

    @pytest.mark.parametrize(
        ("output", "remedy"),
        [
            ("invalid peer certificate: UnknownIssuer", "build.ca_bundle"),
            ("x was not found in the package registry", "a dependency can't be had"),
            (
                "Python 3.11.2, which is incompatible with the Python requirement",
                "wants another Python",
            ),
            ("dns error", "check the engine's network"),
            ("error: command 'gcc' failed", "needs build tools"),
            ("pull access denied", "base image can't be pulled"),
        ],
    )
    def test_known_causes_have_their_remedy(self, output: str, remedy: str) -> None:
        with pytest.raises(BuildError) as caught:
            build_images([shell("a", f'echo "{output}"; exit 1')], self.processes)
        assert remedy in caught.value.remedy

    def test_a_full_disk_is_told_as_such(self) -> None:
        script = "echo 'write /x: no space left on device' >&2; exit 1"
        with pytest.raises(DiskFullError) as caught:
            build_images([shell("a", script), shell("b", "exit 1")], self.processes)
        assert caught.value.where == "service 'a', building its image"

    def test_an_engine_that_is_gone_is_told_as_such(self) -> None:
        script = "echo 'ERROR: Cannot connect to the Docker daemon at x' >&2; exit 1"
        with pytest.raises(EngineError, match="engine does not answer"):
            build_images([shell("a", script)], self.processes)

    def test_an_interrupt_ends_what_runs(self, tmp_path: Path) -> None:
        started = threading.Event()

        def on_line(_: str, line: str) -> None:
            started.set()
            raise KeyboardInterrupt

        script = f"echo up; sleep 500; touch {tmp_path}/late"
        with pytest.raises(KeyboardInterrupt):
            build_images([shell("a", script)], self.processes, on_line=on_line)
        assert started.is_set()
        assert not (tmp_path / "late").exists()

"""init and doctor beside what runs on the engine already."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from karst.cli import first_file, starting
from karst.cli.main import run
from karst.cli.starting import Finding
from karst.config.parse import parse_stack
from karst.effects.engine_facts import NetworkFacts
from karst.errors import EngineError
from karst.pipeline.checks import find_clashes

BRIDGE = NetworkFacts("bridge", ("172.17.0.0/16",), {})
SHOPS = NetworkFacts("iacnet", ("172.20.0.0/16",), {"karst.stack": "shop"})
DOOR = {("127.0.0.1", 8080): ("shop-web-door", "shop")}


class OneEngine:
    """The part of an engine that init and doctor ask."""

    version = "1"

    def __init__(
        self,
        *networks: NetworkFacts,
        ports: dict[tuple[str, int], tuple[str, str]] | None = None,
        host: str = "unix:///var/run/docker.sock",
    ) -> None:
        self._networks, self._ports, self.host = networks, ports or {}, host

    def networks(self) -> tuple[NetworkFacts, ...]:
        return self._networks

    def published_ports(self) -> dict[tuple[str, int], tuple[str, str]]:
        return self._ports

    def image(self, _reference: str) -> object:
        return object()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my-app"
    folder.mkdir()
    monkeypatch.chdir(folder)


def has(monkeypatch: pytest.MonkeyPatch, engine: Any, *listening: int) -> None:
    """Let that engine answer, and somebody of this machine listen on ports."""
    way = SimpleNamespace(environ={})
    monkeypatch.setattr(starting, "open_engine", lambda *_: (engine, way))
    monkeypatch.setattr(first_file, "is_free", lambda _, port: port not in listening)
    well = Finding("terraform", True, "")
    monkeypatch.setattr(starting, "_terraform", lambda *_: well)
    monkeypatch.setattr(starting, "_builder", lambda _: well)


def first() -> str:
    assert run(["init", "--force"]) == 0
    return Path("repos.yaml").read_text()


def test_a_first_file_says_nothing_extra_where_nothing_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, OneEngine(BRIDGE))
    assert first() == (
        "# What this stack is made of. docs/repos-yaml.md explains every key.\n"
        "services:\n"
        "  - slug: file:.        # a folder beside this file; gh:owner/repo later\n"
        "    name: app\n"
        "    port: 8000          # the app is told it as PORT\n"
        "    health: {http: /}\n"
        "    publish: 127.0.0.1:8080\n"
    )


def test_a_first_file_beside_the_demo_can_be_deployed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine: Any = OneEngine(BRIDGE, SHOPS, ports=DOOR)
    has(monkeypatch, engine, 8081)
    text = first()
    assert "    publish: 127.0.0.1:8082\n" in text
    assert text.endswith(
        "\n# The network 'iacnet', or its range, is another's on this engine.\n"
        "mesh: {network: my-app-net, subnet: 172.16.0.0/16}\n"
    )
    spec = parse_stack(text, source="repos.yaml", default_name="my-app")
    assert find_clashes(engine, spec) == ()
    assert run(["doctor"]) == 0
    assert "MISS" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "stranger",
    [
        NetworkFacts("iacnet", ("10.9.0.0/16",), {}),
        NetworkFacts("compose", ("172.20.0.0/24",), {}),
    ],
)
def test_a_taken_name_or_range_alone_is_enough(
    monkeypatch: pytest.MonkeyPatch, stranger: NetworkFacts
) -> None:
    has(monkeypatch, OneEngine(stranger))
    assert "mesh: {network: my-app-net, subnet: 172.16.0.0/16}\n" in first()


def test_a_network_of_the_stack_s_own_name_that_is_a_stranger_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = NetworkFacts("my-app-net", ("172.16.0.0/16",), {})
    has(monkeypatch, OneEngine(SHOPS, theirs))
    assert "mesh: {network: my-app-net2, subnet: 172.17.0.0/16}\n" in first()


def test_what_this_very_stack_has_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = NetworkFacts("iacnet", ("172.20.0.0/16",), {"karst.stack": "my-app"})
    door = {("127.0.0.1", 8080): ("my-app-app-door", "my-app")}
    has(monkeypatch, OneEngine(ours, ports=door), 8080)
    assert first() == first_file.FIRST


def test_on_a_machine_elsewhere_nobody_here_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, OneEngine(ports=DOOR, host="ssh://deploy@host"), 8081)
    assert "publish: 127.0.0.1:8081\n" in first()


def test_without_an_engine_the_first_file_is_written_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise EngineError("the Docker engine does not answer")

    monkeypatch.setattr(starting, "open_engine", refuse)
    assert first() == first_file.FIRST


def test_doctor_tells_every_clash_as_a_plan_would(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    has(monkeypatch, OneEngine(BRIDGE, SHOPS, ports=DOOR))
    Path("repos.yaml").write_text(first_file.FIRST)
    assert run(["doctor"]) == 26
    assert capsys.readouterr().out.endswith(
        "ok    repos.yaml stack my-app, 1 service\n"
        "MISS  clash      repos.yaml mesh.network: the engine has a network 'iacnet' that is not this stack's\n"
        "                 -> give mesh.network another name (and mesh.subnet a range of its own)\n"
        "MISS  clash      repos.yaml services.app.publish: host port 127.0.0.1:8080 is published by container 'shop-web-door'\n"
        "                 -> publish on another port, or stop that container\n"
    )


@pytest.mark.parametrize("stack", ["my-app", "other"])
def test_doctor_finds_no_clash_with_the_stack_itself(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = NetworkFacts("iacnet", ("172.20.0.0/16",), {"karst.stack": stack})
    has(monkeypatch, OneEngine(network))
    Path("repos.yaml").write_text(first_file.FIRST)
    assert run(["doctor"]) == (0 if stack == "my-app" else 26)


@pytest.mark.processes
def test_a_port_is_free_until_somebody_listens() -> None:
    import socket

    from karst.effects.host_ports import is_free

    with socket.socket() as listener:
        # Held all the while: a port that is let go may be anybody's a moment later.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert is_free("127.0.0.1", port)
        listener.listen()
        assert not is_free("127.0.0.1", port)


def test_init_does_not_wait_for_an_engine_that_is_mute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "_ENGINE_SECONDS", 0.1, raising=False)
    monkeypatch.setattr(starting, "open_engine", lambda *_: Event().wait(60))
    assert run(["init"]) == 0
    assert Path("repos.yaml").read_text() == first_file.FIRST

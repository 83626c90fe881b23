"""Server programs: how each is told where to listen, and what installs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from karst.inspection.entrypoint import Protocol
from karst.inspection.shell import PORT


@dataclass(frozen=True)
class Server:
    """A program that serves or works.

    Attributes:
        requirement: what installs it, with bounds; "" where the project must.
        host, port: its options; an address that stands in `bind` holds both.
        positional: it takes the port (or address:port) as a bare word.
        usual: the port that it takes where none is given.
        protocol: "none" for workers.
        flags: options without a value that a service does without: they reload,
            detach, or need another user.
        options: such options with a value.
    """

    requirement: str = ""
    host: tuple[str, ...] = ()
    port: tuple[str, ...] = ()
    bind: tuple[str, ...] = ()
    positional: bool = False
    usual: int | None = None
    protocol: Protocol = "http"
    flags: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()


_WATCH = frozenset({"--reload", "--debug", "--dev"})
SERVERS: dict[str, Server] = {
    "uvicorn": Server(
        "uvicorn>=0.20,<1",
        ("--host",),
        ("--port",),
        usual=8000,
        flags=_WATCH | {"--use-colors"},
        options=frozenset(
            {"--reload-dir", "--reload-include", "--reload-exclude", "--uds"}
        ),
    ),
    "gunicorn": Server(
        "gunicorn>=20.1,<27",
        bind=("--bind", "-b"),
        usual=8000,
        flags=frozenset({"--reload", "--daemon", "-D"}),
        options=frozenset({"--user", "-u", "--group", "-g", "--pid", "-p"}),
    ),
    "hypercorn": Server(
        "hypercorn>=0.14,<1",
        bind=("--bind", "-b"),
        usual=8000,
        flags=_WATCH | {"--daemon"},
        options=frozenset({"--user", "-u", "--group", "-g", "--pid"}),
    ),
    "daphne": Server("daphne>=4,<5", ("--bind", "-b"), ("--port", "-p"), usual=8000),
    "granian": Server(
        "granian>=1,<3", ("--host",), ("--port",), usual=8000, flags=_WATCH
    ),
    "waitress-serve": Server(
        "waitress>=2,<4", ("--host",), ("--port",), ("--listen",), usual=8080
    ),
    "flask run": Server(
        "", ("--host", "-h"), ("--port", "-p"), usual=5000, flags=_WATCH
    ),
    "fastapi run": Server(
        "fastapi[standard]", ("--host",), ("--port",), usual=8000, flags=_WATCH
    ),
    "litestar run": Server(
        "", ("--host", "-H"), ("--port", "-p"), usual=8000, flags=_WATCH | {"-r"}
    ),
    "sanic": Server(
        "", ("--host", "-H"), ("--port", "-p"), usual=8000, flags=_WATCH | {"-r", "-d"}
    ),
    "streamlit run": Server(
        "streamlit", ("--server.address",), ("--server.port",), usual=8501
    ),
    "chainlit run": Server(
        "", ("--host",), ("--port",), usual=8000, flags=frozenset({"-w", "--watch"})
    ),
    "manage.py runserver": Server(positional=True, usual=8000),
    "mlflow server": Server("", ("--host", "-h"), ("--port", "-p"), usual=5000),
    "celery flower": Server(
        "flower>=2,<3", ("--address",), ("--port",), usual=5555, flags=_WATCH
    ),
    "celery worker": Server("", protocol="none"),
    "celery beat": Server("", protocol="none"),
    "rq worker": Server("", protocol="none"),
    "arq": Server("", protocol="none", flags=frozenset({"--watch"})),
    "dramatiq": Server("", protocol="none"),
    "huey_consumer": Server("", protocol="none"),
    "taskiq worker": Server("", protocol="none", flags=frozenset({"--reload", "-r"})),
    "faust worker": Server("", protocol="none"),
}
# A bare word of an address: Django refuses a second one.
_ADDRESS = re.compile(
    r"(\S*:)?(\d+|\$\{?\w*port\w*\}?)|[\w.\[\]:]*:\$\{?\w+\}?", re.IGNORECASE
)
_WORKING = re.compile(
    r"(rq|run)?worker|beat|rundramatiq|qcluster|run_huey|process_tasks"
)


def recognise(words: list[str]) -> tuple[str, Server | None]:
    """The name under which a command's program is known, and what is known of it."""
    rest = words[1:]
    program = words[0].rpartition("/")[2]
    while rest and program == "python3" and re.fullmatch(r"-[uOBEs]+", rest[0]):
        rest = rest[1:]
    if program == "python3" and rest[:1] in (["-m"], ["-um"]) and len(rest) > 1:
        program, rest = rest[1], rest[2:]
        program = {"gunicorn.app.wsgiapp": "gunicorn"}.get(program, program)
    elif program == "python3" and rest:
        program, rest = rest[0].rpartition("/")[2], rest[1:]
    if program in SERVERS:
        return program, SERVERS[program]
    if program == "fastapi" and "dev" in rest:
        return "fastapi run", SERVERS["fastapi run"]
    for word in rest:
        if (name := f"{program} {word}") in SERVERS:
            return name, SERVERS[name]
        if program == "manage.py" and _WORKING.search(word):
            return "manage.py", Server(protocol="none")
    return program, None


def listen_on_port(words: list[str], server: Server) -> tuple[list[str], int | None]:
    """Have `words` listen on every address at $PORT; return the port that they named."""
    kept: list[str] = []
    port: int | None = None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        known = (*server.host, *server.port, *server.bind)
        short = next((o for o in known if len(o) == 2 and word.startswith(o)), "")
        if short and len(word) > 2 and not word.startswith("--"):
            name, value, equals = short, word[2:].lstrip("="), "="
        if name in server.flags:
            continue
        if name in server.options or name in known:
            if not equals:
                value = rest.pop(0) if rest else ""
            if name not in server.host and name not in server.options:
                port = port_in(value) or port
            continue
        if server.positional and _ADDRESS.fullmatch(word):
            port = port_in(word) or port
            continue
        kept.append(word)
    return [*kept, *where(server)], port


def where(server: Server) -> list[str]:
    """The words that make `server` listen on every address at $PORT."""
    if server.bind and not server.port:
        return [server.bind[0], f"0.0.0.0:{PORT}"]
    if server.positional:
        return [f"0.0.0.0:{PORT}"]
    host = [server.host[0], "0.0.0.0"] if server.host else []  # noqa: S104
    return [*host, *([server.port[0], PORT] if server.port else [])]


def port_in(text: str) -> int | None:
    """The port at the end of an address, None for a socket file or a variable."""
    match = re.search(r"(?:^|:)(\d{2,5})$", text)
    number = int(match[1]) if match else 0
    return number if 0 < number < 65536 else None

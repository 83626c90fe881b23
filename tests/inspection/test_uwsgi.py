"""Ports of uWSGI: of its options and of the files that these name."""

from __future__ import annotations

from pathlib import Path

import pytest

from karst.inspection.source import SourceTree
from karst.inspection.uwsgi import http_port


@pytest.mark.parametrize(
    ("command", "ini", "port"),
    [
        ("uwsgi --ini u.ini", "[uwsgi]\nhttp = 0.0.0.0:5000\n", 5000),
        ("uwsgi --ini=./u.ini", "http=:5000", 5000),
        ("uwsgi u.ini", "http-socket = 5000", 5000),
        ("uwsgi --ini /app/u.ini", "chdir = /app\nhttp = 127.0.0.1:5000", 5000),
        ("uwsgi --http :5000 --module a:app", "", 5000),
        ("uwsgi --http-socket=0.0.0.0:5000", "", 5000),
        ("uwsgi --ini u.ini", "socket = :5000\n", None),
        ("uwsgi --ini u.ini", "socket = /tmp/a.sock\nhttp-timeout = 5000\n", None),
        ("uwsgi --ini u.ini", "http = :5000\nchdir = /opt/app\n", None),
        ("uwsgi --http :5000 --chdir /opt/app", "", None),
        ("uwsgi --ini gone.ini", "http = :5000", None),
        ("uwsgi", "http = :5000", None),
    ],
)
def test_the_port(tmp_path: Path, command: str, ini: str, port: int | None) -> None:
    (tmp_path / "u.ini").write_text(ini)
    assert http_port(SourceTree(tmp_path), command.split(), "") == port

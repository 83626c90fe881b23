"""The guard of tests/conftest.py itself."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest


def test_a_program_cannot_be_started_without_the_marker() -> None:
    with pytest.raises(
        pytest.fail.Exception, match=r"Popen\.__init__ in a test without"
    ):
        subprocess.run([sys.executable, "-c", "pass"], check=True)


def test_a_socket_cannot_connect_without_the_marker() -> None:
    with (
        socket.socket() as client,
        pytest.raises(
            pytest.fail.Exception, match=r"socket\.connect in a test without"
        ),
    ):
        client.connect(("127.0.0.1", 9))


@pytest.mark.processes
def test_the_marker_opens_the_doors() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "print(7)"], check=True, capture_output=True, text=True
    )
    assert done.stdout == "7\n"

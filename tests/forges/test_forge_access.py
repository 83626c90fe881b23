"""Where a forge is, as whom it is asked, and through what."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from karst.errors import ConfigError, FetchError
from karst.forges.access import VARIABLES, ForgeAccess, Kind, read_access
from karst.forges.http_options import HttpOptions
from karst.forges.open import open_forge
from karst.secret import Secret
from tests.fakes.bitbucket import FakeBitbucket
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.hosting import Hosting
from tests.fakes.tls import loopback_context

HUB, HUB_API = "https://github.com", "https://api.github.com"
LAB, LAB_API = "https://gitlab.com", "https://gitlab.com/api/v4"
CORP = "https://git.corp.test"


def seen(access: ForgeAccess) -> tuple[str, str, str, str]:
    """API, web, token and scheme."""
    token = access.token.reveal() if access.token else ""
    return access.api, access.web, token, access.scheme


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (HUB_API, HUB, "", "bearer")),
        ({"GITHUB_TOKEN": "t"}, (HUB_API, HUB, "t", "bearer")),
        ({"GITHUB_TOKEN": "t", "GH_TOKEN": "g"}, (HUB_API, HUB, "g", "bearer")),
        ({"GITHUB_API_URL": HUB_API + "/"}, (HUB_API, HUB, "", "bearer")),
        ({"GH_HOST": "github.com", "GITHUB_TOKEN": "t"}, (HUB_API, HUB, "t", "bearer")),
        (
            {"GITHUB_API_URL": f"{CORP}/api/v3", "GITHUB_TOKEN": "t"},
            (f"{CORP}/api/v3", CORP, "t", "bearer"),
        ),
        (
            {"GH_HOST": "git.corp.test", "GITHUB_TOKEN": "t"},
            (f"{CORP}/api/v3", CORP, "t", "bearer"),
        ),
        # In a workflow of one GitHub, slugs of another: its own token stays at home.
        (
            {
                "GITHUB_API_URL": HUB_API,
                "GH_HOST": "git.corp.test",
                "GITHUB_TOKEN": "t",
            },
            (f"{CORP}/api/v3", CORP, "", "bearer"),
        ),
        (
            {
                "GITHUB_API_URL": HUB_API,
                "GH_HOST": "git.corp.test",
                "GITHUB_TOKEN": "t",
                "GH_TOKEN": "g",
            },
            (f"{CORP}/api/v3", CORP, "g", "bearer"),
        ),
        (
            {"GH_HOST": "acme.ghe.com"},
            ("https://api.acme.ghe.com", "https://acme.ghe.com", "", "bearer"),
        ),
        (
            {"GITHUB_API_URL": "http://127.0.0.1:8080"},
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "", "bearer"),
        ),
    ],
)
def test_github(environ: dict[str, str], expected: tuple[str, str, str, str]) -> None:
    assert seen(read_access("gh", environ)) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (LAB_API, LAB, "", "bearer")),
        ({"GITLAB_TOKEN": "t"}, (LAB_API, LAB, "t", "bearer")),
        ({"GITLAB_URL": CORP}, (f"{CORP}/api/v4", CORP, "", "bearer")),
        (
            {"GITLAB_URL": f"{CORP}/gitlab/"},
            (f"{CORP}/gitlab/api/v4", f"{CORP}/gitlab", "", "bearer"),
        ),
        (
            {"CI_API_V4_URL": f"{CORP}/api/v4", "CI_JOB_TOKEN": "j"},
            (f"{CORP}/api/v4", CORP, "j", "job"),
        ),
        (
            {"CI_API_V4_URL": LAB_API, "CI_JOB_TOKEN": "j", "GITLAB_TOKEN": "t"},
            (LAB_API, LAB, "t", "bearer"),
        ),
        # In a job of one GitLab, slugs of another: the job's token stays at home.
        (
            {"CI_API_V4_URL": LAB_API, "CI_JOB_TOKEN": "j", "GITLAB_URL": CORP},
            (f"{CORP}/api/v4", CORP, "", "bearer"),
        ),
        (
            {"CI_API_V4_URL": LAB_API, "CI_JOB_TOKEN": "j", "GITLAB_URL": LAB},
            (LAB_API, LAB, "j", "job"),
        ),
        ({"CI_JOB_TOKEN": "j"}, (LAB_API, LAB, "", "bearer")),
    ],
)
def test_gitlab(environ: dict[str, str], expected: tuple[str, str, str, str]) -> None:
    assert seen(read_access("gl", environ)) == expected


def test_bitbucket() -> None:
    api, web = "https://api.bitbucket.org/2.0", "https://bitbucket.org"
    both = {"BITBUCKET_TOKEN": "t", "BITBUCKET_EMAIL": "a@b.test"}
    assert seen(read_access("bb", {})) == (api, web, "", "bearer")
    assert seen(read_access("bb", both)) == (api, web, "t", "basic")
    assert read_access("bb", both).email == "a@b.test"
    alone = {"BITBUCKET_TOKEN": "t"}
    assert seen(read_access("bb", alone)) == (api, web, "t", "bearer")


def test_an_app_s_key_may_have_its_lines_written_out() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"
    environ = {
        "GITHUB_APP_ID": "7",
        "GITHUB_APP_PRIVATE_KEY": key.replace("\n", "\\n"),
    }
    app = read_access("gh", environ).app
    assert app is not None
    assert (app.id, app.key.reveal()) == ("7", key)


@pytest.mark.parametrize(
    ("kind", "environ", "told"),
    [
        (
            "gh",
            {"GITHUB_API_URL": "api.github.com"},
            (
                "GITHUB_API_URL: this is no address of a forge\n"
                "  -> write it as https://host or https://host/path, without a password"
            ),
        ),
        (
            "gl",
            {"GITLAB_URL": "https://u:hunter2@gitlab.test"},
            (
                "GITLAB_URL: this address says too much\n"
                "  -> write it as https://host or https://host/path, without a password"
            ),
        ),
        (
            "gh",
            {"GH_HOST": "https://git.corp.test"},
            (
                "GH_HOST: 'https://git.corp.test' is no host\n"
                "  -> write the host alone, such as github.example.com"
            ),
        ),
        (
            "gh",
            {"GITHUB_APP_ID": "7"},
            (
                "GITHUB_APP_PRIVATE_KEY: a GitHub App needs both its id and its private key\n"
                "  -> set GITHUB_APP_PRIVATE_KEY, too, or neither of the two"
            ),
        ),
        (
            "gl",
            {"GITLAB_TOKEN": "one\ntwo"},
            "GITLAB_TOKEN: the token is more than one line\n  -> set one line only",
        ),
    ],
)
def test_a_wrong_variable_is_a_sentence(
    kind: Kind, environ: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read_access(kind, environ)
    assert str(error.value) == told


def test_every_variable_that_is_read_is_listed() -> None:
    class Recording(dict[str, str]):
        read: ClassVar[set[str]] = set()

        def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
            self.read.add(name)
            return super().get(name, default)  # type: ignore[arg-type]

    for kind in ("gh", "gl", "bb"):
        read_access(kind, Recording())  # type: ignore[arg-type]
        job = {"CI_API_V4_URL": LAB_API, "BITBUCKET_TOKEN": "t"}
        read_access(kind, Recording(job))  # type: ignore[arg-type]
    assert Recording.read == {variable.name for variable in VARIABLES}


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "p:1"}, "http://p:1"),
        ({"ALL_PROXY": "http://a:1"}, "http://a:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.github.com"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".github.com,x"}, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*.github.com"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "hub.com, ,b.test"}, "http://p:1"),
    ],
)
def test_the_proxy_of_an_address(environ: dict[str, str], proxy: str | None) -> None:
    assert HttpOptions(environ=environ).proxy("https://api.github.com/x") == proxy


def test_a_proxy_in_capitals_is_not_trusted_for_plain_http() -> None:
    options = HttpOptions(environ={"HTTP_PROXY": "http://p:1"})
    assert options.proxy("http://h/") is None
    lower = HttpOptions(environ={"http_proxy": "http://p:1"})
    assert lower.proxy("http://h/") == "http://p:1"


KINDS: tuple[tuple[Kind, type[Hosting]], ...] = (
    ("gh", FakeGitHub),
    ("gl", FakeGitLab),
    ("bb", FakeBitbucket),
)


@pytest.mark.processes
@pytest.mark.parametrize(("kind", "fake"), KINDS)
def test_a_company_s_ca_is_trusted_where_its_bundle_is_named(
    kind: Kind, fake: type[Hosting], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, bundle = loopback_context(tmp_path)
    with fake(tls=context) as server:
        git = server.add("acme/web", tmp_path / "r")
        commit = git.commit({"a": "1"})
        access = ForgeAccess(kind, server.api, server.url)  # type: ignore[attr-defined]
        # A file that is not there, as a container's variable may name, counts for none.
        for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
            environ = {"CURL_CA_BUNDLE": "/absent.pem", name: str(bundle)}
            forge = open_forge(kind, access, HttpOptions(environ=environ))
            assert forge.find_commit("acme/web", None).commit == commit
            into = tmp_path / name
            forge.download_archive("acme/web", commit, into, limit=10**6)
            forge.close()  # type: ignore[attr-defined]
        # What the process was started with does not count: the caller's mapping does.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        forge = open_forge(kind, access, HttpOptions(sleep=lambda _: None))
        with pytest.raises(FetchError, match="its certificate is not trusted here"):
            forge.find_commit("acme/web", None)
        forge.close()  # type: ignore[attr-defined]


@pytest.mark.processes
@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
@pytest.mark.parametrize(
    ("answer", "linger", "why"),
    [
        (b"", 0, "the line broke"),
        (b"", 1, "the line broke"),
        (b"HTTP/1.1 400 No\r\n\r\n", 0, "no TLS comes about with it"),
    ],
    ids=["ended", "reset", "no TLS"],
)
def test_a_line_that_breaks_at_its_beginning_says_nothing_of_certificates(
    kind: Kind, answer: bytes, linger: int, why: str
) -> None:
    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                one = listening.accept()[0]
                # All of the greeting: what is left unread makes a reset of the end.
                head = one.recv(5, socket.MSG_WAITALL)
                one.recv(int.from_bytes(head[3:]), socket.MSG_WAITALL)
                one.sendall(answer)
                if linger:  # with no time to linger in: at once, and as a reset
                    option = struct.pack("ii", 1, 0)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
                one.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        place = f"https://127.0.0.1:{listening.getsockname()[1]}"
        options = HttpOptions(sleep=lambda _: None)
        forge = open_forge(kind, ForgeAccess(kind, place, place), options)
        with pytest.raises(FetchError) as told:
            forge.find_commit("acme/web", "refs/heads/main")
        assert told.value.what.endswith(f"can't be reached: {why}")
        forge.close()  # type: ignore[attr-defined]
        listening.shutdown(socket.SHUT_RDWR)
        serving.join(60)


@pytest.mark.processes
@pytest.mark.parametrize(("kind", "fake"), KINDS)
def test_a_proxy_is_asked_and_one_that_is_not_there_is_a_sentence(
    kind: Kind, fake: type[Hosting], tmp_path: Path
) -> None:
    with fake() as proxy:
        git = proxy.add("acme/web", tmp_path / "r")
        commit = git.commit({"a": "1"})
        place = "http://forge.corp.test" + proxy.api.removeprefix(proxy.url)  # type: ignore[attr-defined]
        access = ForgeAccess(kind, place, "http://forge.corp.test")
        forge = open_forge(kind, access, HttpOptions(environ={"http_proxy": proxy.url}))
        found = forge.find_commit("acme/web", "main")
        assert found.commit == commit
        assert all(r.target.startswith("http://forge.corp.test/") for r in proxy.seen)
        forge.close()  # type: ignore[attr-defined]
    options = HttpOptions(environ={"http_proxy": proxy.url}, sleep=lambda _: None)
    forge = open_forge(kind, access, options)
    with pytest.raises(FetchError, match="can't be reached: ") as told:
        forge.find_commit("acme/web", "main")
    assert str(told.value).startswith(f"{kind}:acme/web#main: ")
    forge.close()  # type: ignore[attr-defined]


def test_the_public_forges_have_plain_names() -> None:
    names = {}
    for kind in ("gh", "gl", "bb"):
        forge = open_forge(kind, read_access(kind, {}), HttpOptions())  # type: ignore[arg-type]
        names[kind] = forge.name
        forge.close()  # type: ignore[attr-defined]
    assert names == {"gh": "GitHub", "gl": "GitLab", "bb": "Bitbucket"}
    own = ForgeAccess("gl", f"{CORP}/api/v4", CORP, Secret("t"))
    assert open_forge("gl", own, HttpOptions()).name == "GitLab at git.corp.test"


def test_the_page_on_forges_names_every_variable() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/forges.md").read_text()
    assert [v.name for v in VARIABLES if f"`{v.name}`" not in page] == []

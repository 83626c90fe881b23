"""What every fake forge has: repositories, tokens, renames, and git over HTTP."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from tests.fakes.exchange import Reply, Request
from tests.fakes.repositories import GitRepository
from tests.fakes.server import FakeServer

_T = TypeVar("_T")
_GIT = re.compile(r"/(?P<path>.+)\.git/(?P<rest>info/refs|git-upload-pack)")


@dataclass(frozen=True)
class User:
    """Whom a token stands for.

    Attributes:
        kind: "User", "Bot" (a workflow's, a job's or an App's token).
        sees: the private repositories that the token may see; None: all.
    """

    login: str
    id: int = 1
    kind: str = "User"
    sees: frozenset[str] | None = None


@dataclass
class HostedRepository:
    """A repository as the forge lists it."""

    path: str
    id: int
    git: GitRepository
    private: bool = False
    default_branch: str = "main"


class UnknownTokenError(Exception):
    """The request shows a token that nobody has."""


@dataclass
class Hosting(FakeServer):
    """Attributes beyond the server's:

    tokens: whom each known token stands for; any other token is refused.
    violations: what the fake answered that the real forge would not have.
    """

    tokens: dict[str, User] = field(default_factory=dict)
    repositories: dict[str, HostedRepository] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._memories: dict[type[Any], Any] = {}
        super().__post_init__()

    def add(self, path: str, folder: Path, *, private: bool = False) -> GitRepository:
        """Host a new, empty repository, made in `folder`."""
        git = GitRepository.create(folder)
        number = len(self.repositories) + 1
        self.repositories[path.lower()] = HostedRepository(path, number, git, private)
        return git

    def rename(self, old: str, new: str) -> None:
        repository = self.repositories.pop(old.lower())
        repository.path = new
        self.repositories[new.lower()] = repository
        self.renamed[old.lower()] = new

    def find(self, path: str) -> HostedRepository | None:
        """The repository at a path, or at the path that it was renamed to."""
        key = path.lower()
        key = self.renamed.get(key, key).lower()
        return self.repositories.get(key)

    def memory(self, kind: type[_T]) -> _T:
        """What a topic remembers, made at the first use."""
        with self._lock:
            memory: _T = self._memories.setdefault(kind, kind())
            return memory

    def sees(self, user: User | None, repository: HostedRepository) -> bool:
        if not repository.private:
            return True
        if user is None:
            return False
        return user.sees is None or repository.path in user.sees

    def shown_token(self, request: Request) -> str:
        """The token of a request, however it is shown; "" for none."""
        for name in ("private-token", "job-token"):
            if name in request.headers:
                return request.headers[name]
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return base64.b64decode(value).decode().partition(":")[2]
        return value

    def user(self, request: Request) -> User | None:
        """Who asks; raises UnknownTokenError."""
        token = self.shown_token(request)
        if token and token not in self.tokens:
            raise UnknownTokenError
        return self.tokens.get(token)

    def answer(self, request: Request) -> Reply:
        found = _GIT.fullmatch(unquote(request.path))
        if found:
            return self._answer_git(request, found["path"], found["rest"])
        return self.answer_api(request)

    def conditional(self, request: Request, reply: Reply) -> Reply:
        """The reply with its ETag; a 304 where the asker has it already."""
        if reply.status != 200 or request.method != "GET":
            return reply
        etag = f'W/"{hashlib.sha256(reply.content()).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            reply = Reply(304)
        return reply.having(ETag=etag)

    def answer_api(self, request: Request) -> Reply:
        raise NotImplementedError

    def _answer_git(self, request: Request, path: str, rest: str) -> Reply:
        """Git's own protocol, by git's own server program."""
        repository = self.find(path.strip("/"))
        try:
            allowed = repository and self.sees(self.user(request), repository)
        except UnknownTokenError:
            allowed = False
        if repository is None or not allowed:
            asks = self.shown_token(request) == ""
            status = 401 if asks else 404
            return Reply(status).having(WWW_Authenticate='Basic realm="fake"')
        done = subprocess.run(
            ["git", "http-backend"],
            input=request.body,
            capture_output=True,
            check=True,
            env={
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_PROJECT_ROOT": str(repository.git.git_folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": f"/{rest}",
                "REQUEST_METHOD": request.method,
                "QUERY_STRING": urlsplit(request.target).query,
                "CONTENT_TYPE": request.headers.get("content-type", ""),
                "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
                "HTTP_GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            },
        )
        return _from_cgi(done.stdout)


def _from_cgi(output: bytes) -> Reply:
    head, _, body = output.partition(b"\r\n\r\n")
    reply = Reply(200, body=body)
    headers = {}
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(": ")
        if name == "Status":
            reply = replace(reply, status=int(value.split()[0]))
        elif name == "Content-Type":
            reply = replace(reply, content_type=value)
        else:
            headers[name] = value
    return replace(reply, headers=headers)

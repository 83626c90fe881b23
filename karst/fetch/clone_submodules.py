"""Where a submodule comes from, and whether the token may go there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from karst.command import Command
from karst.config.legible import legible
from karst.effects.process import Processes
from karst.errors import FetchError
from karst.fetch.clone_git import check_url
from karst.fetch.git import NEUTRAL
from karst.fetch.remote import CloneAccess

_SSH = re.compile(
    r"(?:ssh://)?(?:[A-Za-z0-9._-]+@)(?P<host>[A-Za-z0-9.-]+)(?::[0-9]+/|[:/])/?(?P<path>[^:]+)"
)


@dataclass(frozen=True)
class Trust:
    """The repositories that a slug's token is given for: its own owner's.

    A repository may name any other as its submodule. With the token for all of them,
    its author could have somebody's private code put into a build of his.

    Attributes:
        access: the slug's own.
        owner: its owner's URL, with a slash at its end.
    """

    access: CloneAccess
    owner: str

    @classmethod
    def of(cls, access: CloneAccess, repository: str) -> Trust:
        """Return the trust for `repository` (`owner/name`, `group/sub/name`)."""
        url = check_url(access.url).removesuffix(".git")
        base = url.removesuffix(repository)
        # Where the forge spells it in another way, only the neighbours are trusted.
        owner = repository.partition("/")[0] if base != url else ""
        trusted = f"{base}{owner}" if owner else url.rpartition("/")[0]
        return cls(access, trusted + "/")

    def access_of(self, url: str) -> CloneAccess:
        """Return how to reach `url`: with the token, or with none."""
        # What is escaped may mean something else to the server.
        if url.startswith(self.owner) and "%" not in url:
            return CloneAccess(url, self.access.username, self.access.password)
        return CloneAccess(url, "", None)


def read_gitmodules(text: bytes, processes: Processes, where: str) -> dict[str, str]:
    """Return URL by path of the submodules that `.gitmodules` names."""
    listed = processes.run(
        Command(
            ("git", "config", "--file", "-", "--no-includes", "-z", "--list"),
            env=NEUTRAL,
        ),
        input=text.decode("utf-8", "replace"),
    )
    if not listed.ok:
        raise FetchError(
            "the file .gitmodules can't be read", where=where, detail=listed.stderr
        )
    paths: dict[str, str] = {}
    urls: dict[str, str] = {}
    for row in filter(None, listed.stdout.split("\0")):
        key, _, value = row.partition("\n")
        section, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if section == "submodule" and field in ("path", "url"):
            (paths if field == "path" else urls)[name] = value
    return {path: urls[name] for name, path in paths.items() if name in urls}


def resolve_url(url: str, parent: str, *, where: str) -> str:
    """Return the https (or http) URL that `url` in .gitmodules means.

    Args:
        parent: the URL of the repository that .gitmodules is in. Relative URLs are
            taken from there, and ssh URLs of its host become its kind of URL; plain
            http is only for its host.

    Raises FetchError for another kind of URL.
    """
    if not url.isprintable() or " " in url:
        raise _foreign(url, where)
    if url.startswith(("./", "../")):
        return check_url(_relative(url, check_url(parent), where))
    own = urlsplit(parent)
    if ssh := _SSH.fullmatch(url):
        same = ssh["host"] == own.hostname
        start = f"{own.scheme}://{own.netloc}" if same else f"https://{ssh['host']}"
        return check_url(f"{start}/{ssh['path']}")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "git") or not parts.hostname:
        raise _foreign(url, where)
    # A name or password in a URL belongs to whoever wrote it.
    place = parts.netloc.rpartition("@")[2]
    plain = (parts.scheme, place) == ("http", own.netloc) and own.scheme == "http"
    return check_url(f"{'http' if plain else 'https'}://{place}{parts.path}")


def _foreign(url: str, where: str) -> FetchError:
    return FetchError(
        f"the submodule's URL '{legible(url)}' is none that karst fetches from",
        where=where,
        remedy="let .gitmodules name it by https, or relative to this repository",
    )


def _relative(url: str, parent: str, where: str) -> str:
    parts = urlsplit(parent)
    place = [part for part in parts.path.split("/") if part]
    for step in url.split("/"):
        if step == "..":
            if not place:
                raise FetchError(
                    f"the submodule's URL '{legible(url)}' leads out of {parts.netloc}",
                    where=where,
                    remedy="correct .gitmodules",
                )
            place.pop()
        elif step not in ("", "."):
            place.append(step)
    return f"{parts.scheme}://{parts.netloc}/{'/'.join(place)}"

"""Git commands that reach a forge: what they may do, and how they get the password.

The password is in the child's environment only, and git asks for it by a helper that
is bound to the one host it belongs to; it is in no argv, file, log or URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from karst.command import Command
from karst.errors import FetchError
from karst.fetch.git import NEUTRAL
from karst.fetch.remote import CloneAccess

_URL = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~+%@-]+)+/?"
)
# sh's own printf: the values are in no process's argv.
_HELPER = """!f() { test "$1" = get || exit 0; printf 'username=%s\\npassword=%s\\n' "$KARST_GIT_USERNAME" "$KARST_GIT_PASSWORD"; }; f"""
# The user's and the machine's own settings are not read at all (NEUTRAL, and HOME).
_OPTIONS = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "fetch.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    # Always a pack: its growth is watched, and nothing is unpacked in memory.
    "fetch.unpackLimit": "1",
    "gc.auto": "0",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "maintenance.auto": "false",
    "protocol.version": "2",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
    # Git LFS: the remote's own server, whatever the repository's .lfsconfig says.
    "lfs.basictransfersonly": "true",
}
# At once, for one object: a pack of a megabyte may hold any size, as differences.
# Git itself keeps no larger ones in memory as they are (core.bigFileThreshold).
MOST_MEMORY = "600m"
# What old repositories have by the faults of old tools, and what harms nobody.
_TOLERATED = [
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTagName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "multipleAuthors",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
]


@dataclass(frozen=True)
class RemoteGit:
    """Builds commands of the bare repository `git_dir` for one remote.

    Attributes:
        home: an empty folder: the user's own has .netrc and settings in it.
        ca_bundle: a file of CAs to trust instead of the machine's, or None.
    """

    access: CloneAccess
    git_dir: Path
    home: Path
    ca_bundle: Path | None = None

    def command(self, *words: str, seconds: float | None = None) -> Command:
        """Return the command; raises FetchError for a URL that git shall not see."""
        url, password = check_url(self.access.url), self.access.password
        env = {
            **NEUTRAL,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "GIT_ALLOW_PROTOCOL": urlsplit(url).scheme,
            "GIT_ALLOC_LIMIT": MOST_MEMORY,
        }
        options = {
            **_OPTIONS,
            **{f"fetch.fsck.{name}": "ignore" for name in _TOLERATED},
            "remote.origin.url": url,
            "lfs.url": f"{url}/info/lfs"
            if url.endswith(".git")
            else f"{url}.git/info/lfs",
        }
        if self.ca_bundle:
            options["http.sslCAInfo"] = str(self.ca_bundle.absolute())
        if password is not None:
            options[f"credential.{_origin(url)}.helper"] = _HELPER
            env["KARST_GIT_USERNAME"] = _line(self.access.username, url)
            env["KARST_GIT_PASSWORD"] = _line(password.reveal(), url)
        given = [part for key in options for part in ("-c", f"{key}={options[key]}")]
        return Command(
            ("git", *given, f"--git-dir={self.git_dir}", *words),
            cwd=self.home,
            env=env,
            secrets=(password,) if password else (),
            timeout=seconds,
        )


def check_url(url: str) -> str:
    """Return the URL without a slash at its end; raises FetchError unless it is plain.

    Plain is http or https, a host, and a path: no name, no password, no option.
    """
    # Dots are taken out of a path on its way, so the server would see another one.
    dots = any(
        re.sub("%2e", ".", part.lower()) in (".", "..") for part in url.split("/")
    )
    if dots or not _URL.fullmatch(url):
        raise FetchError(
            "this is no URL that karst gives to git",
            where=repr(url)[1:-1][:200],
            remedy="https://host/path, without a name or a password, is one",
        )
    return url.rstrip("/")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _line(text: str, where: str) -> str:
    """Git's helpers talk in lines, so a value of two lines would be two answers."""
    if any(mark in text for mark in "\n\r\0"):
        raise FetchError(
            "the token for git holds a line break",
            where=where,
            remedy="give the token alone, without the line's end",
        )
    return text

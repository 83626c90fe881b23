"""Files of the folder that a command runs in: repos.yaml, `.env`, `.karst`."""

from __future__ import annotations

import os
from pathlib import Path

from karst.effects.process import Processes
from karst.errors import ConfigError
from karst.fetch.git import is_committed


def read_spec_text(file: Path) -> str:
    """Return what repos.yaml holds; raises ConfigError where it can't be read."""
    try:
        return file.read_text()
    except FileNotFoundError:
        raise ConfigError(
            "there is no such file",
            where=str(file),
            remedy="name it with --file, or write one to begin with: `karst init`",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the file can't be read ({_why_unread(error)})",
            where=str(file),
            remedy=_unread_remedy(error),
        ) from None


def _why_unread(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"byte {error.start + 1} is no UTF-8"


def _unread_remedy(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, IsADirectoryError):
        return "name the file in it with --file, such as FOLDER/repos.yaml"
    if isinstance(error, UnicodeDecodeError):
        return "save the file as UTF-8"
    return "check its permissions and those of the folders above it"


def read_dotenv(folder: Path, *, wanted: bool) -> str | None:
    """The text of `.env`; raises ConfigError where a repository brought it along."""
    file = folder / ".env"
    if not wanted or not file.is_file():
        return None
    refuse_committed(folder, file.name)
    return file.read_text()


def refuse_committed(folder: Path, name: str) -> None:
    """Raise ConfigError where git has `name`, for what is in it is taken as your own.

    It may name the Terraform to run and where tokens go, or bring a provider along.
    """
    if (folder / name).exists() and is_committed(folder, name, Processes(os.environ)):
        raise ConfigError(
            f"'{name}' is committed, and so it is whoever's wrote the repository",
            where=str(folder / name),
            remedy=f"look at what is in it; `git rm -r --cached {name}` and a line in .gitignore keep one of your own",
        )

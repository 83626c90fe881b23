"""Clean copies of local folders: what belongs to them, and nothing that leaves them."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from karst.effects.process import Processes
from karst.effects.workspace import telling_full_disk
from karst.errors import FetchError
from karst.fetch.exclude import is_litter, is_private, walk
from karst.fetch.git import list_own_files
from karst.fetch.links import refuse_leaving
from karst.fetch.tree import read_entry, tree_id


@contextlib.contextmanager
def telling_unreadable(where: str) -> Iterator[None]:
    """Turn OSErrors into FetchError with the path that could not be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise FetchError(
            f"'{error.filename or where}' is gone since the folder was listed",
            where=where,
            remedy="run it again once nothing changes the folder",
        ) from error
    except OSError as error:
        raise FetchError(
            f"'{error.filename or where}' can't be read: {error.strerror}",
            where=where,
            remedy="check its permissions and those of the folders above it",
        ) from error


def list_files(folder: Path, processes: Processes) -> tuple[str, ...]:
    """List the files and links that belong to `folder`, sorted, paths with slashes.

    In a git work tree git's ignore rules hold. Raises FetchError where there are
    none, or where a name is no UTF-8 (no image build takes such names); OSErrors pass.
    """
    listed = list_own_files(folder, processes)
    found = sorted(
        walk(folder) if listed is None else _expand(folder, listed, processes)
    )
    if not found:
        raise FetchError(
            "the folder holds no file that belongs to it",
            where=str(folder),
            remedy="check the path, and .gitignore: ignored files, .env* and secrets/ are left out",
        )
    for path in found:
        if "\ufffd" in path or any("\udc80" <= mark <= "\udcff" for mark in path):
            shown = path.encode("utf-8", "replace").decode()
            raise FetchError(
                f"the file name '{shown}' is no UTF-8",
                where=str(folder),
                remedy="rename the file",
            )
    return tuple(found)


def _expand(
    folder: Path, listed: tuple[str, ...], processes: Processes
) -> Iterator[str]:
    """Replace repositories inside of the folder by their own files."""
    for path in (path.rstrip("/") for path in listed):
        place = folder / path
        if is_private(folder, path) or is_litter(path):
            continue
        if place.is_symlink() or place.is_file():
            yield path
        elif place.is_dir():
            if not any(place.iterdir()):
                raise FetchError(
                    f"the submodule '{path}' is not checked out",
                    where=str(folder),
                    remedy="run `git submodule update --init` first",
                )
            yield from (f"{path}/{inner}" for inner in list_files(place, processes))


def copy_files(source: Path, paths: tuple[str, ...], into: Path) -> None:
    """Copy `paths` of `source` into the folder `into`, which is made.

    Only content, links and the executable bit are kept. OSErrors pass, a full disk
    as DiskFullError.
    """
    with telling_full_disk(into):
        into.mkdir(parents=True, exist_ok=True)
        for path in paths:
            origin, copy = source / path, into / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_symlink():
                copy.symlink_to(os.readlink(origin))  # noqa: PTH115 - as it stands
            else:
                shutil.copyfile(origin, copy)
                copy.chmod(0o755 if origin.stat().st_mode & 0o100 else 0o644)


def hash_files(root: Path, paths: tuple[str, ...]) -> str:
    """Return the git tree id of `paths` under `root`; OSErrors pass."""
    return tree_id(read_entry(root, path) for path in paths)


def tidy_copy(root: Path, paths: tuple[str, ...]) -> None:
    """Remove what is private among `paths`, and give every file git's own mode.

    Modes reach the image and its build cache, so the caller's umask must not show.
    """
    for path in [path for path in paths if is_private(root, path)]:
        (root / path).unlink()
    for folder, _, files in os.walk(root, topdown=False):
        if not files and Path(folder) != root and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
            continue
        Path(folder).chmod(0o755)
        for file in (f"{folder}/{name}" for name in files):
            mode = os.lstat(file).st_mode
            wanted = 0o755 if mode & 0o100 else 0o644
            if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) != wanted:
                os.chmod(file, wanted)  # noqa: PTH101


def refuse_leaving_links(root: Path, paths: tuple[str, ...], *, where: str) -> None:
    """Raise FetchError for the first link among `paths` that leaves `root`."""
    links = {
        path: str((root / path).readlink())
        for path in paths
        if (root / path).is_symlink()
    }
    refuse_leaving(links, links, where=where)

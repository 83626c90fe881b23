"""Files into and out of the engine's volumes, and containers that run once.

`docker cp` reaches named volumes, also through a container that was never started
(not tmpfs: moby#22020). So one carrier container that mounts many volumes hands over
the files of a whole stack in one request.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from karst.effects.engine import Engine, telling
from karst.effects.engine_facts import label_words, parse_time
from karst.effects.signals import shielded
from karst.errors import EngineError

_CARRIER_LABELS = {"karst.role": "carrier"}
CARRIER = "karst.role=carrier"
_LARGEST = 64 << 20


@dataclass(frozen=True)
class VolumeFile:
    """A file to hand over: where in its volume, its bytes, owner and mode."""

    path: str
    content: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    def __repr__(self) -> str:
        return f"VolumeFile({self.path!r}, {len(self.content)} bytes)"


@dataclass(frozen=True)
class VolumeFacts:
    """A volume and its labels."""

    name: str
    labels: Mapping[str, str]


def list_volumes(engine: Engine, labels: Mapping[str, str]) -> tuple[VolumeFacts, ...]:
    wanted = {"label": label_words(labels)}
    with telling("listing volumes"):
        listed = engine.client.api.volumes(filters=wanted)
    found = listed.get("Volumes") or ()
    return tuple(VolumeFacts(v["Name"], v.get("Labels") or {}) for v in found)


def create_volume(engine: Engine, name: str, labels: Mapping[str, str]) -> None:
    """Make a volume; one that is there already stays as it is, labels too."""
    with telling(f"creating volume {name}"):
        engine.client.api.create_volume(name, labels=dict(labels))


def remove_volume(engine: Engine, name: str) -> None:
    """Remove a volume, and a carrier that a killed run left holding it."""
    from docker.errors import NotFound

    filters = {"label": CARRIER, "volume": name}
    with telling(f"removing volume {name}"):
        for carrier in engine.client.api.containers(all=True, filters=filters):
            engine.remove(carrier["Id"])
        try:
            engine.client.api.remove_volume(name)
        except NotFound:
            return


def remove_leftovers(engine: Engine, *, before: float) -> None:
    """Remove carriers made, and probes ended, before `before` (epoch seconds).

    A run that was killed leaves its own; a living one needs a carrier for seconds, and
    a probe for as long as services may take to start, then to read what it said.
    """
    from docker.errors import APIError

    with telling("removing what a killed run left"):
        listed = [
            entry
            for role in (CARRIER, "karst.role=probe")
            for entry in engine.client.api.containers(
                all=True, filters={"label": role, "status": ["created", "exited"]}
            )
        ]
    for entry in listed:
        if entry["Created"] < before and _is_idle(engine, entry["Id"], before):
            # One that its run starts only now is refused, as nothing is forced.
            with suppress(APIError):
                engine.client.api.remove_container(entry["Id"], v=True)


def _is_idle(engine: Engine, container: str, since: float) -> bool:
    found = engine.container(container)
    if found is None or not found.finished_at:
        return found is not None
    return parse_time(found.finished_at).timestamp() < since


def deliver(
    engine: Engine, image: str, files: Mapping[str, Iterable[VolumeFile]]
) -> None:
    """Write files into volumes: volume name => files, in the order given.

    The order is kept within a volume: a file that marks the others complete goes last.
    Folders are the engine's to make, 0755: one named in the archive gets its times set
    after everything else, when a sidecar may have moved it already, and that fails.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for index, (_, entries) in enumerate(files.items()):
            for entry in entries:
                _add(tar, f"v/{index}/{entry.path}", entry)
    with _carrier(engine, image, list(files)) as carrier, telling("handing over files"):
        engine.client.api.put_archive(carrier, "/", archive.getvalue())


def _add(tar: tarfile.TarFile, path: str, file: VolumeFile) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(file.content), file.mode
    info.uid, info.gid = file.uid, file.gid
    tar.addfile(info, io.BytesIO(file.content))


def read_file(engine: Engine, container: str, path: str) -> bytes | None:
    """Read one file of a container or of a volume it mounts; None: not there."""
    data = _fetch(engine, container, path)
    if data is None:
        return None
    with tarfile.open(fileobj=data) as tar:
        for member in tar:
            # A link's own target is not in the archive: it counts as not there.
            file = tar.extractfile(member) if member.isfile() else None
            if file:
                return file.read()
    return None


def _fetch(engine: Engine, container: str, path: str) -> io.BytesIO | None:
    """The archive of what is at `path`; None where nothing is."""
    from docker.errors import NotFound

    with telling(f"reading {path} in {container}"):
        try:
            stream, _ = engine.client.api.get_archive(container, path)
        except NotFound as error:
            # Somebody removed it: of what its volumes hold, that says nothing.
            if "no such container" in str(error.explanation).lower():
                raise
            return None
        return _gathered(stream, f"{container}:{path}")


def _gathered(stream: Iterable[bytes], where: str) -> io.BytesIO:
    """All of a stream: an image is somebody's, and its files may be of any size."""
    data = io.BytesIO()
    for piece in stream:
        data.write(piece)
        if data.tell() > _LARGEST:
            raise EngineError(
                f"this is more than {_LARGEST >> 20} MiB, which karst does not read",
                where=where,
                remedy="make the file in the image smaller",
            )
    data.seek(0)
    return data


def read_image_file(engine: Engine, image: str, path: str) -> bytes | None:
    """Read one file of an image, through a container that never starts."""
    config = engine.client.api.create_host_config(network_mode="none")
    settings = {"command": ["true"], "labels": _CARRIER_LABELS, "host_config": config}
    with _made(engine, image, f"looking into {image}", **settings) as name:
        return read_file(engine, name, path)


def read_volumes(
    engine: Engine, image: str, names: Iterable[str], path: str
) -> dict[str, bytes]:
    """Read the file `path` of each volume that has it."""
    volumes = list(names)
    if not volumes:
        return {}
    found = {}
    with _carrier(engine, image, volumes) as carrier:
        for index, name in enumerate(volumes):
            content = read_file(engine, carrier, f"/v/{index}/{path}")
            if content is not None:
                found[name] = content
    return found


def read_folders(
    engine: Engine, image: str, names: Iterable[str], path: str
) -> dict[str, dict[str, bytes]]:
    """Read the plain files right in the folder `path` of each volume that has it."""
    volumes = list(names)
    if not volumes:
        return {}
    found = {}
    with _carrier(engine, image, volumes) as carrier:
        for index, name in enumerate(volumes):
            files = _read_folder(engine, carrier, f"/v/{index}/{path}")
            if files is not None:
                found[name] = files
    return found


def _read_folder(engine: Engine, container: str, path: str) -> dict[str, bytes] | None:
    data = _fetch(engine, container, path)
    if data is None:
        return None
    with tarfile.open(fileobj=data) as tar:
        files = ((m.name, tar.extractfile(m)) for m in tar if m.isfile())
        return {n.rpartition("/")[2]: f.read() for n, f in files if f}


@dataclass(frozen=True)
class OneShot:
    """A container that runs once: what it is, and what it finds under `/probe`."""

    image: str
    command: tuple[str, ...]
    network: str
    user: str
    files: tuple[VolumeFile, ...]
    labels: Mapping[str, str]


def run_once(engine: Engine, shot: OneShot) -> Iterator[str]:
    """Run a container without capabilities; yield its output lines; remove it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for entry in shot.files:
            _add(tar, entry.path, entry)
    api = engine.client.api
    config = api.create_host_config(
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        network_mode=shot.network,
    )
    settings = {
        "command": list(shot.command),
        "user": shot.user,
        "labels": dict(shot.labels),
        "host_config": config,
    }
    with _made(engine, shot.image, "running a probe", **settings) as name:
        with telling("running a probe"):
            api.put_archive(name, "/", archive.getvalue())
            api.start(name)
        yield from engine.logs(name, follow=True)


@contextmanager
def _carrier(engine: Engine, image: str, volumes: list[str]) -> Iterator[str]:
    binds = [f"{name}:/v/{index}" for index, name in enumerate(volumes)]
    config = engine.client.api.create_host_config(binds=binds, network_mode="none")
    settings = {"command": ["true"], "labels": _CARRIER_LABELS, "host_config": config}
    with _made(engine, image, "preparing a delivery", **settings) as name:
        yield name


@contextmanager
def _made(engine: Engine, image: str, why: str, **settings: Any) -> Iterator[str]:
    """A container that goes at the end, also where an interrupt comes as it is made."""
    name = ""
    try:
        with telling(why), shielded():
            name = engine.client.api.create_container(image, **settings)["Id"]
        yield name
    finally:
        if name:
            engine.remove(name)

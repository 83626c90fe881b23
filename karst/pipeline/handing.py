"""Handing over what Terraform must not see: certificates, secrets, peer files."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from karst.config.spec import MeshPorts, PublishSpec, StackSpec
from karst.effects.engine_volumes import (
    VolumeFile,
    create_volume,
    deliver,
    list_volumes,
    remove_volume,
)
from karst.errors import SecretMissingError
from karst.mesh.assemble import Member, assemble
from karst.mesh.delivery import secret_files, set_files
from karst.mesh.files import FileSet, render_door, render_node
from karst.mesh.target import TargetState, target_file, volume_name
from karst.pipeline.data_volumes import DATA, data_volume
from karst.pipeline.tools import Tools
from karst.pki import CertificateAuthority, Identity, Leaf
from karst.secret import Secret
from karst.terraform import DoorRelease, Release, Stack

# Volume => what goes into it.
Files = dict[str, list[VolumeFile]]


@dataclass(frozen=True)
class Handing:
    """Renders and hands over for one stack. `sequence` starts above the target's."""

    tools: Tools
    spec: StackSpec
    authority: CertificateAuthority

    # --- files of the mesh ---

    def sets(
        self,
        running: Mapping[str, Release],
        released: Mapping[str, str],
        stack: Stack,
        settled: Container[str] = (),
    ) -> dict[str, FileSet]:
        """The files of every sidecar and door, by mesh volume.

        Args:
            running: service => the release whose sidecar is meant.
            released: service => release that gets traffic.
            stack: for edges and doors; also the address of what gets traffic.
            settled: services whose own files are not wanted.
        """
        published = self._published()
        members = {
            name: self._member(release, released, stack)
            for name, release in running.items()
        }
        mesh = assemble(self.spec.name, members, stack.edges, published)
        bundle, bootstrap = self.authority.bundle_pem, self.tools.bootstrap
        found = {
            release.mesh_volume: render_node(
                mesh.nodes[name],
                self._leaf(mesh.nodes[name].identity),
                bundle,
                bootstrap,
            )
            for name, release in running.items()
            if name not in settled
        }
        for door_release in stack.doors.values():
            door = mesh.doors.get(door_release.service)
            if door:
                found[door_release.mesh_volume] = render_door(
                    door,
                    self._leaf(door.identity),
                    bundle,
                    bootstrap,
                    certificate=self._browser_side(published[door_release.service]),
                )
        return found

    def _member(
        self, release: Release, released: Mapping[str, str], stack: Stack
    ) -> Member:
        agent = json.loads(release.agent)
        served = released.get(release.service)
        endpoints = tuple(
            r.address
            for r in stack.services.values()
            if r.service == release.service and r.release == served
        )
        return Member(
            agent["port"],
            agent["protocol"],
            release.virtual_address,
            endpoints,
            MeshPorts(**agent.get("ports", {})),
        )

    def _published(self) -> dict[str, PublishSpec]:
        return {s.name: s.publish for s in self.spec.services if s.publish}

    def _leaf(self, identity: Identity) -> Leaf:
        return self.tools.authorities.leaf(
            self.authority,
            identity,
            now=self.tools.clock.now(),
            lifetime=self.tools.leaf_lifetime,
        )

    def _browser_side(self, publish: PublishSpec) -> tuple[bytes, bytes] | None:
        if not publish.tls:
            return None
        if publish.tls == "secrets":
            values = self.tools.secret_values
            return (
                values[publish.certificate].reveal().encode(),
                values[publish.key].reveal().encode(),
            )
        hosts = {"localhost", "127.0.0.1", publish.address} - {"0.0.0.0"}  # noqa: S104
        name = f"karst-browsers-{publish.port}"
        leaf = self._leaf(Identity(self.spec.name, name, hosts=tuple(sorted(hosts))))
        return leaf.certificate_pem.encode(), leaf.key_pem.reveal().encode()

    # --- volumes ---

    def make_volumes(self, stack: Stack) -> None:
        """Have every volume that Terraform is about to name."""
        engine = self.tools.engine
        present = {
            v.name for v in list_volumes(engine, {"karst.stack": self.spec.name})
        }
        for release in stack.services.values():
            names = [release.mesh_volume]
            if release.secrets:
                names.append(release.secrets_volume)
            self._make(names, release, present)
            for name in release.volumes:
                data = data_volume(self.spec.name, release.service, name)
                if data not in present:
                    labels = {"karst.stack": self.spec.name, DATA: "kept"}
                    create_volume(engine, data, labels)
                    present.add(data)
        for door in stack.doors.values():
            self._make([door.mesh_volume], door, present)

    def _make(
        self, names: list[str], owner: Release | DoorRelease, present: set[str]
    ) -> None:
        for name in names:
            if name not in present:
                labels = {"karst.stack": self.spec.name, "karst.owner": owner.owner}
                create_volume(self.tools.engine, name, labels)

    def remove_volumes(self, stack: Stack) -> None:
        """Remove the mesh and secrets volumes of releases that are gone."""
        keep = {r.owner for r in stack.services.values()}
        keep |= {d.owner for d in stack.doors.values()}
        labels = {"karst.stack": self.spec.name, "karst.owner": ""}
        for volume in list_volumes(self.tools.engine, labels):
            if volume.labels["karst.owner"] not in keep:
                remove_volume(self.tools.engine, volume.name)

    # --- over to the target ---

    def set_files(
        self, sets: Mapping[str, FileSet], target: TargetState
    ) -> tuple[TargetState, Files]:
        """The sets that the target does not have yet, as files."""
        changed = {v: s for v, s in sets.items() if target.sets.get(v) != s.version}
        if not changed:
            return target, {}
        now = int(self.tools.clock.now().timestamp() * 1000)
        sequence = max(target.sequence + 1, now)
        files: Files = {v: set_files(found, sequence) for v, found in changed.items()}
        versions = {v: s.version for v, s in changed.items()}
        target = replace(target, sets={**target.sets, **versions}, sequence=sequence)
        return target, files

    def secret_files(
        self, stack: Stack, target: TargetState
    ) -> tuple[TargetState, Files, tuple[Release, ...]]:
        """Changed secret values as files, and the releases that must start again."""
        files: Files = {}
        digests = dict(target.secrets)
        changed = []
        for release in stack.services.values():
            if not release.secrets:
                continue
            values = {n: self.tools.secret_values[n] for n in release.secrets}
            digest = target.secrets_digest(values)
            if digests.get(release.container) != digest:
                if release.container in digests:
                    changed.append(release)
                digests[release.container] = digest
                files[release.secrets_volume] = secret_files(values)
        return replace(target, secrets=digests), files, tuple(changed)

    def hand_over(
        self, files: Files, target: TargetState, stack: Stack, last: TargetState | None
    ) -> TargetState:
        """Deliver `files`, and write down on the target what was handed over.

        What is gone is left out of the note. `last` is the note that is there: the
        same again is not written. It goes last, in the same delivery: a note without
        its files would keep them from ever being handed over.
        """
        containers = {r.container for r in stack.services.values()}
        volumes = {r.mesh_volume for r in stack.services.values()}
        volumes |= {d.mesh_volume for d in stack.doors.values()}
        names = {r.service for r in stack.services.values()}
        kept = replace(
            target,
            released={n: r for n, r in target.released.items() if n in names},
            sets={v: s for v, s in target.sets.items() if v in volumes},
            secrets={c: d for c, d in target.secrets.items() if c in containers},
            authority=self.authority.fingerprint,
        )
        engine, name = self.tools.engine, self.spec.name
        if kept != last:
            if last is None or not last.authority:
                create_volume(engine, volume_name(name), {"karst.stack": name})
            files = {**files, volume_name(name): [target_file(kept)]}
        if files:
            self.tools.authorities.save()
            deliver(engine, self.tools.sidecar_image, files)
        return kept


def required_secrets(spec: StackSpec, values: Mapping[str, Secret]) -> None:
    """Raise SecretMissingError that names every missing value at once."""
    missing = missing_secrets(spec, values)
    if missing:
        raise SecretMissingError(
            f"no value for {', '.join(missing)}",
            where="the environment",
            remedy="set the variable in the environment (or in .env on a terminal) under that name",
        )


def missing_secrets(spec: StackSpec, values: Mapping[str, Secret]) -> list[str]:
    """ "NAME (service web)" for every name that an apply wants a value of."""
    missing = []
    for service in spec.services:
        names = list(service.secrets)
        if service.publish and service.publish.tls == "secrets":
            names += [service.publish.certificate, service.publish.key]
        missing += [f"{n} (service {service.name})" for n in names if n not in values]
    return missing


def stack_volumes(tools: Tools, stack: str) -> tuple[list[str], list[str]]:
    """Names of the stack's own volumes, and of those that hold a service's data."""
    own: list[str] = []
    data: list[str] = []
    for volume in list_volumes(tools.engine, {"karst.stack": stack}):
        kept = DATA in volume.labels
        (data if kept else own).append(volume.name)
    return sorted(own), sorted(data)

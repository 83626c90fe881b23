"""From repos.yaml to what each service will run: fetch, inspect, render, name."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from karst.build.base import (
    BaseImage,
    BasePin,
    Lookup,
    choose_base,
    engine_lookups,
    read_python_wish,
)
from karst.build.recipe import image_name, render_recipe
from karst.config.settings import Settings
from karst.config.spec import ServiceSpec, StackSpec
from karst.effects.workspace import private_directory, remove_tree
from karst.errors import EntrypointError
from karst.fetch.lock import LockedBase, LockEntry, RepoLock, is_pinnable
from karst.fetch.revision import Checkout
from karst.inspection import resolve_entrypoint
from karst.pipeline.building import BuildSource, build_source, pull_image, shim_text
from karst.pipeline.detected import with_detected
from karst.pipeline.fetching import each, fetch_all
from karst.pipeline.moving import Moves, ask_moves
from karst.pipeline.naming import named
from karst.pipeline.tools import BuildAll, Tools
from karst.terraform import digest
from karst.terraform.ledger import Prepared


@dataclass(frozen=True)
class Locking:
    """That a lock is being made; `upgraded` services take what is newest."""

    upgraded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ready:
    """Every service with its image's name, and how to get the images that lack.

    Attributes:
        lock: what all of it was made of; prepared with it again, it comes out the same.
        moves: which pinned refs mean another commit by now.
        notes: sentences about pins that could not be kept to.
    """

    prepared: Mapping[str, Prepared]
    missing: Mapping[str, BuildAll]
    lock: RepoLock
    moves: Moves
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Service:
    """One service prepared, with what pins it; `build` is None where nothing lacks."""

    prepared: Prepared
    entry: LockEntry | None
    build: BuildAll | None
    note: str = ""


def prepare(
    tools: Tools,
    spec: StackSpec,
    settings: Settings,
    pins: RepoLock | None = None,
    *,
    locking: Locking | None = None,
) -> Ready:
    """Resolve every service of `spec`; builds nothing, runs nothing that it fetched.

    Args:
        pins: what is not asked for, but taken as it is: repos.lock, or a receipt's.
        locking: where the outcome is to be written down as a lock.
    """
    pins = pins or RepoLock()
    tools.sources.begin()
    question = ask_moves(tools.sources, () if settings.offline else spec.services, pins)
    override = _override(spec, settings)
    checkouts = private_directory(tools.session.folder / "checkouts")
    for old in checkouts.iterdir():
        remove_tree(old)
    fetched = fetch_all(
        tools.sources,
        spec.services,
        pins,
        checkouts,
        clock=tools.clock,
        progress=tools.progress,
        seconds=settings.fetch_seconds,
    )
    local, remote = engine_lookups(tools.engine)
    preparing = _Preparing(
        tools, spec, settings, pins, (cache(local), cache(remote)), override, locking
    )
    found = each(
        lambda service: preparing.service(service, fetched.get(service.name)),
        {service.name: service for service in spec.services},
        what="can't be prepared",
        clock=tools.clock,
        seconds=settings.fetch_seconds,
    )
    return Ready(
        {name: each_.prepared for name, each_ in found.items()},
        {name: each_.build for name, each_ in found.items() if each_.build},
        RepoLock.of(each_.entry for each_ in found.values() if each_.entry),
        question.finish(),
        tuple(each_.note for each_ in found.values() if each_.note),
    )


def _override(spec: StackSpec, settings: Settings) -> str | None:
    """The variable ENTRYPOINT, which can only mean one service."""
    if settings.entrypoint and sum(1 for s in spec.services if s.slug) != 1:
        raise EntrypointError(
            "ENTRYPOINT is set, and several services could be meant",
            where="the environment variable ENTRYPOINT",
            remedy="write `entrypoint:` under the service in repos.yaml, and unset ENTRYPOINT",
        )
    return settings.entrypoint


@dataclass(frozen=True)
class _Preparing:
    """What the preparation of every service shares."""

    tools: Tools
    stack: StackSpec
    settings: Settings
    pins: RepoLock
    lookups: tuple[Lookup, Lookup]
    override: str | None
    locking: Locking | None

    def service(self, spec: ServiceSpec, checkout: Checkout | None) -> _Service:
        if checkout is None:
            return self._image(spec)
        pin = self.pins.find(spec) if is_pinnable(spec) else None
        place = f"{spec.slug} (path: {spec.path})" if spec.path else str(spec.slug)
        with named(checkout.root, place):
            source = self._inspect(spec, checkout, pin)
        called = any(spec.name in (s.calls or ()) for s in self.stack.services)
        ports = self.stack.mesh.ports
        prepared = Prepared(
            with_detected(spec, source.entrypoint, ports, called=called),
            source.image,
            source.recipe.inputs,
            checkout.commit or "",
            not source.recipe.own,
        )
        build: BuildAll | None = None
        if not self.tools.engine.image(source.image):
            build = partial(build_source, self.tools, self.settings, source)
        entry = self._entry(source, pin) if is_pinnable(spec) else None
        note = _note(pin, entry) or (self._lacking(source) if build else "")
        return _Service(prepared, entry, build, note)

    def _lacking(self, source: BuildSource) -> str:
        """What will keep the image from being built, as far as a plan can know."""
        base = source.recipe.base
        if base is None or base.pin.from_registry:
            return ""
        here = self.lookups[0](base.reference)
        if here == base.pin:
            return ""
        name = source.spec.name
        return f"{name} can't be built here: its base image {base.reference} was locked by an id that this engine does not have; `karst lock --upgrade {name}`"

    def _image(self, spec: ServiceSpec) -> _Service:
        assert spec.image  # noqa: S101  (the schema wants a slug or an image)
        pin = self.pins.find(spec)
        entry = LockEntry(
            spec.name,
            image=spec.image,
            digest=pin.digest if pin else "",
            resolved=self._now(),
        )
        if self.locking and not entry.digest:
            entry = replace(entry, digest=self._digest(spec))
        image = entry.pinned_image
        present = self.tools.engine.image(image)
        inputs = digest(["image", image], 64)
        pull = partial(pull_image, self.tools, spec.name, image)
        return _Service(
            Prepared(spec, image, inputs, "", False), entry, None if present else pull
        )

    def _digest(self, spec: ServiceSpec) -> str:
        """What an image's registry calls it; "" where that is not to be had.

        What is at hand goes first, for it is what runs, unless it is to be upgraded.
        """
        upgraded = self.locking and spec.name in self.locking.upgraded
        for lookup in reversed(self.lookups) if upgraded else self.lookups:
            pin = lookup(spec.image or "")
            if pin and pin.from_registry:
                return pin.value
        return ""

    def _inspect(
        self, spec: ServiceSpec, checkout: Checkout, pin: LockEntry | None
    ) -> BuildSource:
        entrypoint = resolve_entrypoint(
            checkout.root,
            declared=spec.entrypoint,
            environment_override=self.override,
            detection=spec.detection,
            build=spec.build.with_,
        )
        base = None
        if entrypoint.kind != "dockerfile":
            folder = checkout.root / entrypoint.folder
            base = self._pinned_base(pin) or self._choose_base(spec, folder)
        recipe = render_recipe(
            checkout,
            entrypoint,
            spec,
            base,
            stack=self.stack.name,
            platform=self.tools.engine.platform,
            template=self.tools.app_template,
            shim=shim_text(),
        )
        image = image_name(
            self.stack.name,
            spec.name,
            recipe.content_key,
            registry=self.settings.docker_registry or "",
        )
        return BuildSource(spec, checkout, recipe, image, entrypoint)

    def _pinned_base(self, pin: LockEntry | None) -> BaseImage | None:
        """The base that was locked, unless KARST_BASE_IMAGE names others by now."""
        base = pin.base if pin else None
        if base is None:
            return None
        if base.reference != self.settings.base_image.format(version=base.python):
            return None
        value = BasePin(base.digest or base.image_id, bool(base.digest))
        return BaseImage(base.reference, base.python, value)

    def _choose_base(self, spec: ServiceSpec, folder: Path) -> BaseImage:
        base = choose_base(
            read_python_wish(folder),
            self.lookups,
            pattern=self.settings.base_image,
        )
        if self.locking and spec.name in self.locking.upgraded:
            newest = self.lookups[1](base.reference)
            return replace(base, pin=newest or base.pin)
        return base

    def _entry(self, source: BuildSource, pin: LockEntry | None) -> LockEntry:
        checkout, base = source.checkout, source.recipe.base
        return LockEntry(
            source.spec.name,
            source.spec.slug,
            source.spec.path,
            commit=checkout.commit or "",
            tree=checkout.root_tree or (pin.tree if pin else checkout.tree),
            entrypoint=shlex.join(source.entrypoint.command) or source.entrypoint.value,
            base=_locked_base(base) if base else None,
            resolved=self._now(),
        )

    def _now(self) -> str:
        return self.tools.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _locked_base(base: BaseImage) -> LockedBase:
    pin = base.pin
    registry, own = (pin.value, "") if pin.from_registry else ("", pin.value)
    return LockedBase(base.reference, base.python, registry, own)


def _note(pin: LockEntry | None, entry: LockEntry | None) -> str:
    """Where what comes out is not what the pin says."""
    if pin is None or entry is None:
        return ""
    if pin.entrypoint != entry.entrypoint:
        return f"{entry.service} starts by `{entry.entrypoint}`, and was locked with `{pin.entrypoint}`"
    if pin.base != entry.base:
        return f"{entry.service} has another base image than was locked, for KARST_BASE_IMAGE or `build:` changed"
    return ""

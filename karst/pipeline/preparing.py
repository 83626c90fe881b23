"""From repos.yaml to what each service will run: fetch, inspect, render, name."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import karst
from karst.build.base import Lookup, choose_base, engine_lookups, read_python_wish
from karst.build.context import prepare_context
from karst.build.image import ImageBuild, build_command, build_images, detect_builder
from karst.build.recipe import BuildRecipe, image_name, render_recipe
from karst.config.settings import Settings
from karst.config.spec import ServiceSpec, StackSpec
from karst.effects.workspace import atomic_write, private_directory, remove_tree
from karst.errors import ConfigError, EntrypointError, KarstError
from karst.fetch.revision import Checkout
from karst.inspection import Entrypoint, resolve_entrypoint
from karst.pipeline.inspecting import forge_of
from karst.pipeline.tools import BuildAll, Tools
from karst.terraform import digest
from karst.terraform.ledger import Prepared

_AT_ONCE = 8


@dataclass(frozen=True)
class Ready:
    """Every service with its image's name, and how to get the images that lack."""

    prepared: Mapping[str, Prepared]
    missing: Mapping[str, BuildAll]


@dataclass(frozen=True)
class _Source:
    """A fetched service and what its image is built by."""

    spec: ServiceSpec
    checkout: Checkout
    entrypoint: Entrypoint
    recipe: BuildRecipe
    image: str


def prepare(tools: Tools, spec: StackSpec, settings: Settings) -> Ready:
    """Resolve every service of `spec`; builds nothing, runs nothing that it fetched."""
    override = _override(spec, settings)
    checkouts = private_directory(tools.session.folder / "checkouts")
    for old in checkouts.iterdir():
        remove_tree(old)
    local, remote = engine_lookups(tools.engine)
    lookups = (cache(local), cache(remote))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        work = partial(_prepare, tools, spec, settings, lookups, checkouts, override)
        futures = {s.name: pool.submit(work, s) for s in spec.services}
        found = {name: future.result() for name, future in futures.items()}
    return Ready(
        {name: prepared for name, (prepared, _) in found.items()},
        {name: build for name, (_, build) in found.items() if build},
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


def _prepare(
    tools: Tools,
    stack: StackSpec,
    settings: Settings,
    lookups: tuple[Lookup, ...],
    checkouts: Path,
    override: str | None,
    spec: ServiceSpec,
) -> tuple[Prepared, BuildAll | None]:
    if spec.image:
        pull = partial(_pull, tools, spec.image)
        present = tools.engine.image(spec.image)
        inputs = digest(["image", spec.image], 64)
        return Prepared(spec, spec.image, inputs, "", False), None if present else pull
    try:
        source = _fetch(tools, stack, settings, lookups, checkouts, override, spec)
    except KarstError as error:
        error.where = f"service '{spec.name}'" + (
            f", {error.where}" * bool(error.where)
        )
        raise
    prepared = Prepared(
        spec,
        source.image,
        source.recipe.inputs,
        source.checkout.commit or "",
        not source.recipe.own,
        source.entrypoint,
    )
    if tools.engine.image(source.image):
        return prepared, None
    return prepared, partial(_build, tools, settings, source)


def _fetch(
    tools: Tools,
    stack: StackSpec,
    settings: Settings,
    lookups: tuple[Lookup, ...],
    checkouts: Path,
    override: str | None,
    spec: ServiceSpec,
) -> _Source:
    assert spec.slug  # noqa: S101  (the schema wants a slug or an image)
    forge = forge_of(
        spec.slug, tools.root, tools.processes.environ, within=tools.within
    )
    revision = forge.resolve(spec.slug, spec.path)
    checkout = forge.fetch(revision, checkouts / spec.name)
    entrypoint = resolve_entrypoint(
        checkout.root,
        declared=spec.entrypoint,
        environment_override=override,
        detection=spec.detection,
        build=spec.build.with_,
    )
    base = None
    if entrypoint.kind != "dockerfile":
        wish = read_python_wish(checkout.root)
        base = choose_base(wish, lookups, pattern=settings.base_image)
    recipe = render_recipe(
        checkout,
        entrypoint,
        spec,
        base,
        stack=stack.name,
        platform=tools.engine.platform,
        template=tools.app_template,
        shim=_shim(),
    )
    image = image_name(
        stack.name,
        spec.name,
        recipe.content_key,
        registry=settings.docker_registry or "",
    )
    return _Source(spec, checkout, entrypoint, recipe, image)


def _build(tools: Tools, settings: Settings, source: _Source) -> None:
    spec, recipe = source.spec, source.recipe
    folder = source.checkout.root.parent / f"{spec.name}.context"
    dockerfile = prepare_context(source.checkout, recipe, folder, shim=_shim())
    secrets = {}
    for name in recipe.secrets:
        if name in tools.secret_values:
            path = source.checkout.root.parent / f"{spec.name}.secret-{name}"
            atomic_write(path, tools.secret_values[name].reveal(), mode=0o600)
            secrets[name] = path
    command = build_command(
        recipe,
        source.image,
        dockerfile,
        detect_builder(tools.processes),
        context=folder,
        ca_bundle=_ca_bundle(tools, settings, spec),
        secrets=secrets,
    )
    try:
        build_images(
            [ImageBuild(spec.name, source.image, command)],
            tools.processes,
            on_line=lambda name, line: tools.progress.line(f"{name}: {line}"),
        )
    finally:
        for path in secrets.values():
            path.unlink()
        remove_tree(folder)


def _pull(tools: Tools, image: str) -> None:
    tools.engine.pull(image)


def _ca_bundle(tools: Tools, settings: Settings, spec: ServiceSpec) -> Path | None:
    """The service's own bundle, else the setting, else the one this machine trusts by.

    Where SSL_CERT_FILE is set, the network's proxy likely signs TLS anew, for a build
    as for everybody.
    """
    if spec.build.ca_bundle:
        path = tools.root / spec.build.ca_bundle
    elif settings.ca_bundle:
        path = settings.ca_bundle
    elif tools.processes.environ.get("SSL_CERT_FILE"):
        path = Path(tools.processes.environ["SSL_CERT_FILE"])
    else:
        return None
    if not path.is_file():
        raise ConfigError(
            "the CA bundle is not there",
            where=str(path),
            remedy="correct build.ca_bundle, KARST_CA_BUNDLE or SSL_CERT_FILE",
        )
    return path


@cache
def _shim() -> str:
    return (Path(karst.__file__).parent / "runner/shim.py").read_text()

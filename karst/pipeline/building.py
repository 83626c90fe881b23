"""The images that lack: built from what was fetched, or pulled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import karst
from karst.build.context import prepare_context
from karst.build.image import ImageBuild, build_command, build_images, detect_builder
from karst.build.recipe import BuildRecipe
from karst.config.settings import Settings
from karst.config.spec import ServiceSpec
from karst.effects.workspace import atomic_write, remove_tree
from karst.errors import BuildError, ConfigError, DiskFullError, EngineError
from karst.fetch.revision import Checkout
from karst.inspection import Entrypoint
from karst.pipeline.tools import Tools


@dataclass(frozen=True)
class BuildSource:
    """A fetched service and what its image is built by."""

    spec: ServiceSpec
    checkout: Checkout
    recipe: BuildRecipe
    image: str
    entrypoint: Entrypoint


def build_source(tools: Tools, settings: Settings, source: BuildSource) -> None:
    spec, recipe = source.spec, source.recipe
    _require_base(tools, source)
    folder = source.checkout.root.parent / f"{spec.name}.context"
    dockerfile = prepare_context(source.checkout, recipe, folder, shim=shim_text())
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


def _require_base(tools: Tools, source: BuildSource) -> None:
    """Raise where a base that only this engine's id names is another image by now."""
    base = source.recipe.base
    if base is None or base.pin.from_registry:
        return
    facts = tools.engine.image(base.reference)
    if facts is None or facts.id != base.pin.value:
        found = facts.id[:19] if facts else "not on this engine"
        raise BuildError(
            f"the base image {base.reference} is {found}, and {base.pin.value[:19]} is wanted",
            where=f"service '{source.spec.name}'",
            remedy=f"no registry gave it a digest, so it can't be pulled: bring that image here, or `karst lock --upgrade {source.spec.name}`",
        )


def pull_image(tools: Tools, service: str, image: str) -> None:
    try:
        tools.engine.pull(image)
    except DiskFullError:
        raise
    except EngineError as error:
        raise EngineError(
            "the image is neither on the engine nor to be pulled",
            where=f"service '{service}', {image}",
            remedy="check its name and the way to its registry (`docker login` for a private one), or `docker pull` it by hand",
            detail=error.detail,
        ) from None


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
def shim_text() -> str:
    return (Path(karst.__file__).parent / "runner/shim.py").read_text()

"""A workshop for build tests: folders become images of the real engine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from karst.build import (
    Builder,
    BuildRecipe,
    ImageBuild,
    build_command,
    build_images,
    choose_base,
    engine_lookups,
    image_name,
    prepare_context,
    read_python_wish,
    render_recipe,
)
from karst.config.slug import Slug
from karst.config.spec import BuildSpec, ServiceSpec
from karst.effects.engine import Engine
from karst.effects.process import Processes
from karst.forges.local import LocalForge
from karst.inspection import resolve_entrypoint

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "infra" / "templates" / "app.Dockerfile.tmpl"
SHIM = (ROOT / "karst" / "runner" / "shim.py").read_text()
# Where a proxy re-signs TLS, the machine's own bundle knows it; elsewhere it does no harm.
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def run(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass
class Workshop:
    """Builds folders as services of a stack that only this run uses."""

    folder: Path
    engine: Engine
    builder: Builder
    stack: str
    processes: Processes = field(default_factory=lambda: Processes(os.environ))
    images: list[str] = field(default_factory=list)

    def prepare(
        self, name: str, files: dict[str, str], *, secrets: dict[str, str] | None = None
    ) -> tuple[ImageBuild, BuildRecipe]:
        source = self.folder / name
        for file, text in files.items():
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            (source / file).write_text(text)
        forge = LocalForge(self.folder, self.processes)
        slug = Slug("file", name)
        checkout = forge.fetch(forge.resolve(slug), self.folder / f"{name}.checkout")
        entrypoint = resolve_entrypoint(checkout.root)
        recipe = render_recipe(
            checkout,
            entrypoint,
            ServiceSpec(name, slug=slug, build=BuildSpec(secrets=tuple(secrets or {}))),
            choose_base(read_python_wish(checkout.root), engine_lookups(self.engine)),
            stack=self.stack,
            platform=self.engine.platform,
            template=TEMPLATE.read_text(),
            shim=SHIM,
        )
        context = self.folder / f"{name}.context"
        dockerfile = prepare_context(checkout, recipe, context, shim=SHIM)
        image = image_name(self.stack, name, recipe.content_key)
        self.images.append(image)
        given = {}
        for secret, value in (secrets or {}).items():
            given[secret] = self.folder / f"{name}.{secret}"
            given[secret].write_text(value)
        command = build_command(
            recipe,
            image,
            dockerfile,
            self.builder,
            context=context,
            ca_bundle=CA_BUNDLE if CA_BUNDLE.exists() else None,
            secrets=given,
        )
        return ImageBuild(name, image, command), recipe

    def build(self, name: str, files: dict[str, str]) -> str:
        build, _ = self.prepare(name, files)
        build_images([build], self.processes)
        return build.image


def start(image: str) -> str:
    """Run the image as a job, without a sidecar, as strictly as karst does."""
    return run(
        *("docker", "run", "--rm", "--cap-drop=ALL", "--network=none"),
        *("--security-opt=no-new-privileges", "-e", "KARST_SHIM=standalone"),
        *("-e", "KARST_KIND=job", image),
    )

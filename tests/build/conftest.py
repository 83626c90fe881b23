"""Checkouts and recipes that the build tests share."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from workshop import Workshop

from karst.build import (
    BaseImage,
    BasePin,
    BuildRecipe,
    detect_builder,
    render_recipe,
)
from karst.config.slug import parse_slug
from karst.config.spec import BuildSpec, ServiceSpec
from karst.effects.engine import connect
from karst.effects.process import Processes
from karst.fetch import Checkout
from karst.inspection import resolve_entrypoint

TEMPLATE = Path(__file__).parents[2] / "infra" / "templates" / "app.Dockerfile.tmpl"
BASE = BaseImage("python:3.11-slim", "3.11", BasePin("sha256:" + "b" * 64, False))
Files = dict[str, str]
Render = Callable[..., BuildRecipe]


def write(root: Path, files: Files) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Render a recipe for files: `render({...}, volumes=..., tree=...)`."""

    def rendered(
        files: Files,
        *,
        tree: str = "a" * 40,
        base: BaseImage = BASE,
        platform: str = "linux/amd64",
        shim: str = "shim",
        template: str | None = None,
        secrets: tuple[str, ...] = (),
        volumes: dict[str, str] | None = None,
        declared: str | tuple[str, ...] | None = None,
        slug: str = "file:./web",
    ) -> BuildRecipe:
        root = write(tmp_path, files)
        return render_recipe(
            Checkout(root, tree, None),
            resolve_entrypoint(root, declared=declared),
            ServiceSpec(
                "web",
                slug=parse_slug(slug),
                build=BuildSpec(secrets=secrets),
                volumes=volumes or {},
            ),
            base,
            stack="shop",
            platform=platform,
            template=template or TEMPLATE.read_text(),
            shim=shim,
        )

    return rendered


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    engine = connect(None, os.environ)
    builder = detect_builder(Processes(os.environ))
    shop = Workshop(tmp_path, engine, builder, f"kt{uuid.uuid4().hex[:8]}")
    yield shop
    for image in shop.images:
        subprocess.run(["docker", "rmi", "-f", image], capture_output=True, check=False)

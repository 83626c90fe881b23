"""BuildRecipe: what is built, as text, and the keys that name the result. Pure."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from karst.build.base import BaseImage
from karst.build.git_version import VERSION, GitVersion
from karst.build.manifest import Manifest, read_manifest
from karst.config.legible import legible
from karst.config.spec import ServiceSpec
from karst.errors import BuildError, ConfigError
from karst.fetch.revision import Checkout
from karst.inspection.bounds import read_bounded
from karst.inspection.entrypoint import Entrypoint

UV_VERSION = "0.13.9"
CA_SECRET = "karst_ca"  # noqa: S105 - the name of a file, not its content
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CA_FILE = f"/run/secrets/{CA_SECRET}"
# A secret that is not given is mounted as nothing: the same text, and so the same
# content key, with a company's bundle and without.
_CA_MOUNT = f"--mount=type=secret,id={CA_SECRET} "
_CA_ENV = f"if [ -s {_CA_FILE} ]; then export SSL_CERT_FILE={_CA_FILE} PIP_CERT={_CA_FILE} REQUESTS_CA_BUNDLE={_CA_FILE}; fi && "


# BuildKit looks for it in the first lines only, as a comment of either kind.
_SYNTAX = re.compile(r"^\s*(?:#|//)\s*syntax\s*=\s*(\S+)", re.I | re.M)
_USUAL = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?:[:@]\S*)?")
_WRITTEN = "/opt/written"
# Before the author's own lines: all of the tree is tracked, or it would not be here.
_GRAFT = "{ echo 'graft .'; [ ! -f MANIFEST.in ] || cat MANIFEST.in; } > /tmp/MANIFEST.in && cp /tmp/MANIFEST.in MANIFEST.in && "


@dataclass(frozen=True)
class BuildRecipe:
    """How one image is built, and what it is called by.

    Attributes:
        service: the service's name.
        slug: where the files come from, without the ref: a label of the image.
        dockerfile: the whole text.
        own: whether it is the repository's own Dockerfile.
        python: "3.11", or "" where the Dockerfile is the repository's own.
        base: the base image, or None likewise.
        manifest: the kind of file that names the dependencies.
        platform: "linux/amd64".
        secrets: names of the build's secrets.
        content_key: 32 hex digits of all that makes the image: same key, same image.
        folder: the checkout's folder that an own Dockerfile is built from, "" for all.
        caches: a name that no other service's caches have.
        inputs: 64 hex digits of what the user's side puts in; unlike `content_key`
            it stays when karst's own template or shim changes.
    """

    service: str
    slug: str
    dockerfile: str
    own: bool
    python: str
    base: BaseImage | None
    manifest: str
    platform: str
    secrets: tuple[str, ...]
    content_key: str
    inputs: str
    caches: str
    folder: str = ""


def image_name(
    stack: str, service: str, content_key: str, *, registry: str = ""
) -> str:
    """Return the image's name; `registry` (DOCKER_REGISTRY) goes first where set."""
    prefix = f"{registry.rstrip('/')}/" if registry else ""
    return f"{prefix}karst/{stack}-{service}:{content_key[:16]}"


def render_recipe(
    checkout: Checkout,
    entrypoint: Entrypoint,
    spec: ServiceSpec,
    base: BaseImage | None,
    *,
    stack: str,
    platform: str,
    template: str,
    shim: str,
) -> BuildRecipe:
    """Render the recipe for one service; reads the checkout, starts nothing.

    Args:
        base: needed unless the entrypoint is the repository's own Dockerfile.
        template: the text of app.Dockerfile.tmpl.
        shim: the program text that starts the app.
    """
    for name in spec.build.secrets:
        if not _VARIABLE.fullmatch(name):
            raise ConfigError(
                f"'{name}' is no name for a secret", where=f"{spec.name}: build.secrets"
            )
    slug = str(spec.slug).partition("#")[0] if spec.slug else ""
    own = entrypoint.kind == "dockerfile"
    inputs: dict[str, Any] = {
        "tree": checkout.tree,
        "platform": platform,
        "secrets": sorted(spec.build.secrets),
        "own": own,
    }
    folder = checkout.root / entrypoint.folder
    if own or base is None:
        text, manifest, pin = _own_dockerfile(folder, spec.name), None, ""
    else:
        needs = entrypoint.kind == "script"
        manifest = read_manifest(folder, needs_project=needs)
        pin = base.pin.value
        places = {
            "base": base.pinned,
            "uv_version": UV_VERSION,
            "install": _install(manifest, stack, spec, entrypoint),
            "python_path": _python_path(entrypoint) + _variables(entrypoint),
            "written": _written(manifest, _home(entrypoint)),
            "volumes": _volumes(spec),
            "workdir": entrypoint.workdir,
            "shim": hashlib.sha256(shim.encode()).hexdigest()[:16],
            "command": json.dumps(list(entrypoint.command)),
            "ca_mount": _CA_MOUNT,
            "ca_env": _CA_ENV,
        }
        text = Template(template).substitute(places)
        inputs |= {
            "base": pin,
            "command": list(entrypoint.command),
            "python_path": entrypoint.python_path,
            "workdir": entrypoint.workdir,
            "volumes": sorted(spec.volumes.values()),
        }
        if entrypoint.packages or entrypoint.env:
            inputs |= {"packages": entrypoint.packages, "env": entrypoint.env}
    if entrypoint.folder:
        inputs["folder"] = entrypoint.folder
    key = _digest(
        {"tree": checkout.tree, "recipe": text, "platform": platform, "base": pin}
        | ({"folder": entrypoint.folder} if entrypoint.folder else {})
    )
    return BuildRecipe(
        service=spec.name,
        slug=slug,
        dockerfile=text,
        own=manifest is None,
        python=base.python if base and manifest else "",
        base=base if manifest else None,
        manifest=manifest.kind if manifest else "Dockerfile",
        platform=platform,
        secrets=spec.build.secrets,
        content_key=key[:32],
        inputs=_digest(inputs),
        caches=f"karst/{stack}/{spec.name}",
        folder=entrypoint.folder if manifest is None else "",
    )


def _own_dockerfile(folder: Path, service: str) -> str:
    text = read_bounded(folder / "Dockerfile")
    if text is None:
        raise BuildError(
            "the Dockerfile can't be read: it is missing, no UTF-8, or larger than 1 MiB",
            where=service,
            remedy="correct the file in its repository",
        )
    # Whatever else reads the file may mount any service's caches.
    asked = _SYNTAX.search(text)
    if text.lstrip().startswith("{") or (asked and not _USUAL.fullmatch(asked[1])):
        named = f" '{legible(asked[1])}'" if asked else ""
        raise BuildError(
            f"the Dockerfile wants a builder of its own{named}",
            where=service,
            remedy="karst builds with docker/dockerfile only: take out the line `# syntax=`",
        )
    return text


def _home(entrypoint: Entrypoint) -> str:
    """The image's folder whose manifest is installed."""
    return f"/app/{entrypoint.folder}".rstrip("/")


def _install(
    manifest: Manifest, stack: str, spec: ServiceSpec, entrypoint: Entrypoint
) -> str:
    """The builder's steps: dependencies in a layer of their own, then the project.

    Last comes what only the command needs: a server that the project does not name.
    """
    home = _home(entrypoint)
    # The cache is the service's own: in a shared one, one repository's build could
    # leave poisoned wheels for another's.
    mounts = (
        f"--mount=type=cache,id=karst-{stack}-{spec.name},target=/cache,sharing=locked "
    )
    for name in spec.build.secrets:
        mounts += f"--mount=type=secret,id={name} "
    mounts += _CA_MOUNT
    whole = "--mount=type=bind,source=app,target=/app,rw "
    run = _CA_ENV
    told = "".join(f"{v}={VERSION} " for v in manifest.git_version.variables)
    lines = [f"WORKDIR {json.dumps(home)}"] if entrypoint.folder else []
    if manifest.dependencies:
        folders: dict[str, list[str]] = {}
        for file in manifest.files:
            folder = str(Path(home, file).parent)
            folders.setdefault(folder, []).append(f"{home[1:]}/{file}")
        lines += [
            f"COPY {json.dumps([*names, folder + '/'])}"
            for folder, names in sorted(folders.items())
        ]
        # With the whole tree at hand, the first step may build the project, too.
        bind, first = ("", "") if manifest.files else (whole, _exported(told))
        lines.append(f"RUN {mounts}{bind}{run}{first}{manifest.dependencies}")
    if manifest.project != "no":
        alone = "--no-deps " if manifest.project == "alone" else ""
        graft = _GRAFT if manifest.git_version.lists_files else ""
        kept = _kept_files(manifest.git_version)
        install = f"{graft}{told}uv pip install {alone}{shlex.quote(home)}{kept}"
        lines.append(f"RUN {mounts}{whole}{run}{install}")
    if entrypoint.packages:
        words = " ".join(shlex.quote(name) for name in entrypoint.packages)
        lines.append(f"RUN {mounts}{run}uv pip install {words}")
    return "".join(line + "\n" for line in lines)


def _exported(told: str) -> str:
    return f"export {told}&& " if told else ""


def _kept_files(version: GitVersion) -> str:
    """Keep what the build writes into the tree, for apps that start from there."""
    kept = f" && mkdir -p {_WRITTEN}" if version.files else ""
    for file in version.files:
        place = shlex.quote(f"{_WRITTEN}/{Path(file).parent}")
        kept += f" && if [ -f {file} ]; then mkdir -p {place} && cp {file} {place}; fi"
    return kept


def _written(manifest: Manifest, home: str) -> str:
    if manifest.project == "no" or not manifest.git_version.files:
        return ""
    return f"COPY --from=builder --chown=10001:10001 {_WRITTEN} {home}\n"


def _python_path(entrypoint: Entrypoint) -> str:
    path = entrypoint.python_path
    return f" PYTHONPATH={path}" if path else ""


def _variables(entrypoint: Entrypoint) -> str:
    """What the author set beside the command, as more of the same ENV."""
    words = []
    for name, value in entrypoint.env:
        if _VARIABLE.fullmatch(name) and value.isprintable():
            escaped = re.sub(r'(["\\$])', r"\\\1", value)
            words.append(f' {name}="{escaped}"')
    return "".join(words)


def _volumes(spec: ServiceSpec) -> str:
    """A new volume takes the owner of the image's folder at its place."""
    paths = sorted(spec.volumes.values())
    for path in paths:
        if not path.startswith("/") or not path.isprintable():
            raise ConfigError(
                f"'{path}' is no absolute path", where=f"{spec.name}: volumes"
            )
    if not paths:
        return ""
    words = " ".join(shlex.quote(path) for path in paths)
    return f"RUN mkdir -p {words} && chown 10001:10001 {words}\n"


def _digest(value: dict[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

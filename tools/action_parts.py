"""Puts Terraform and the Docker provider into the action's image: PARTS OUT.

What the folder PARTS has already is taken from there (bootstrap's, where only package
registries can be reached); the rest comes from its makers, Terraform by hash, the
provider by Terraform's own check of its signature. Runs within the image's build.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

TERRAFORM = "1.11.4"
SHA256 = {
    "amd64": "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
    "arm64": "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
}
PLACE = "https://releases.hashicorp.com/terraform"
PROVIDER, PROVIDER_VERSION = "kreuzwerker/docker", "4.6.0"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def main(parts: Path, out: Path) -> None:
    """Fill `out`: bin/, terraform-mirror/, terraform.rc."""
    architecture = MACHINES[platform.machine()]
    (out / "bin").mkdir(parents=True)
    for program in sorted((parts / "bin").glob("*")):
        shutil.copy(program, out / "bin")
    if not any((out / "bin" / name).exists() for name in ("terraform", "tofu")):
        fetch_terraform(out / "bin" / "terraform", architecture)
    mirror = out / "terraform-mirror"
    if (parts / "terraform-mirror").is_dir():
        shutil.copytree(parts / "terraform-mirror", mirror)
    else:
        fetch_provider(out / "bin" / "terraform", mirror, architecture)
    # Where the image has it. `direct` stays closed: a run must not reach for another.
    text = f'provider_installation {{\n  filesystem_mirror {{\n    path = "/opt/karst/{mirror.name}"\n  }}\n}}\n'
    (out / "terraform.rc").write_text(text)


def fetch_terraform(target: Path, architecture: str) -> None:
    """Download Terraform; stops where it is not what the hash says."""
    url = f"{PLACE}/{TERRAFORM}/terraform_{TERRAFORM}_linux_{architecture}.zip"
    with urllib.request.urlopen(url, timeout=300) as answer:  # noqa: S310  https above
        archive = answer.read()
    found = hashlib.sha256(archive).hexdigest()
    if found != SHA256[architecture]:
        sys.exit(f"{url} is another file than the pinned one: {found}")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        target.write_bytes(opened.read("terraform"))
    target.chmod(0o755)


def fetch_provider(terraform: Path, mirror: Path, architecture: str) -> None:
    """Have Terraform fetch the provider, whose signature it checks."""
    wanted = {"source": PROVIDER, "version": PROVIDER_VERSION}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "main.tf.json"
        required = {"terraform": {"required_providers": {"docker": wanted}}}
        file.write_text(json.dumps(required))
        argv = [str(terraform), "providers", "mirror"]
        argv += [f"-platform=linux_{architecture}", str(mirror)]
        environ = {**os.environ, "CHECKPOINT_DISABLE": "1"}
        subprocess.run(argv, cwd=folder, env=environ, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

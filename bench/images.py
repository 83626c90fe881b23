"""The image that the parts run: an origin, `wrk` for load, Envoy from the sidecar's."""

from __future__ import annotations

import io
import re
import shutil
import sys
import tarfile
from pathlib import Path

import docker

from bench.running import BenchError, run

LABEL = "karst.bench"
IMAGE = "bench/trivial:latest"
USER = "10001:10001"
WRK = "/bench/wrk"
_FOUND = re.compile(r"(?:=> )?(/\S+) \(0x")
_DOCKERFILE = f"""\
FROM {{base}}
COPY bench /bench
USER {USER}
ENTRYPOINT []
CMD ["python3", "-I", "-S", "/bench/origin.py", "0.0.0.0", "8000"]
"""
# A program of this machine brings its own loader and libraries along.
_WRK = """\
#!/bin/sh
exec /bench/lib/{loader} --library-path /bench/lib /bench/lib/wrk "$@"
"""


def sidecar_image() -> str:
    """The sidecar image that this karst would use."""
    from karst.cli.wiring import load_settings, sidecar_reference

    return sidecar_reference(load_settings())


def build_trivial(client: docker.DockerClient) -> str:
    """Build the image; returns its name."""
    build(client, IMAGE, _DOCKERFILE.format(base=sidecar_image()), _files())
    return IMAGE


def build(
    client: docker.DockerClient, tag: str, dockerfile: str, files: dict[str, bytes]
) -> None:
    """Build a labelled image from a Dockerfile and files, all executable."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in {"Dockerfile": dockerfile.encode(), **files}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    context.seek(0)
    client.images.build(
        fileobj=context, custom_context=True, tag=tag, labels={LABEL: "yes"}, rm=True
    )


def _files() -> dict[str, bytes]:
    origin = Path(__file__).with_name("origin.py").read_bytes()
    return {"bench/origin.py": origin, **_wrk_files()}


def _wrk_files() -> dict[str, bytes]:
    """wrk with all it needs to run in any image; nothing where it is not installed."""
    program = shutil.which("wrk")
    if program is None:
        print("wrk is missing (apt-get install wrk): no load", file=sys.stderr)
        return {}
    libraries = _FOUND.findall(run(["ldd", program]).stdout)
    loader = next((p for p in libraries if "/ld-" in p), None)
    if loader is None:
        raise BenchError(f"{program} has no loader that ldd names")
    found = {f"bench/lib/{Path(p).name}": Path(p).read_bytes() for p in libraries}
    start = _WRK.format(loader=Path(loader).name).encode()
    return {
        **found,
        "bench/lib/wrk": Path(program).read_bytes(),
        WRK.removeprefix("/"): start,
    }


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise BenchError("wrk is missing: apt-get install wrk")

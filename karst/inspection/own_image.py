"""Whether a Dockerfile makes more than karst's own image of the same files would."""

from __future__ import annotations

import re
from collections.abc import Iterator

from karst.inspection.shell import simple_commands
from karst.inspection.stages import Stage

_PYTHON_BASE = re.compile(
    r"(^|/)(python|pypy|debian|ubuntu|alpine|uv|uvicorn-gunicorn[\w-]*|meinheld-gunicorn[\w-]*|base-python|distroless/python\S*)(?=[:@\d-]|$)"
    r"|python|astral-sh/uv|/poetry\b|scratch$"
)
# System packages that only build wheels, or that nothing needs at run time.
_HARMLESS = re.compile(
    r"(build-essential|build-base|gcc|g\+\+|musl-dev|musl|linux-headers|make|cmake|pkg-config|"
    r"pkgconf|python3?[\w.-]*|py3-[\w-]+|git|curl|wget|ca-certificates|tzdata|bash|gnupg2?|"
    r"dirmngr|lsb-release|apt-[\w-]+|software-properties-common|unzip|xz-utils|nano|vim|less|"
    r"procps|netcat[\w-]*|iputils-ping|telnet|dnsutils|htop|jq|sudo|locales|dumb-init|tini|"
    r"gosu|su-exec|shadow|libc-dev|libffi[\w-]*|libssl[\w-]*|openssl[\w-]*|libpq[\w-]*|"
    r"postgresql-(dev|client|libs)[\w-]*|postgresql|default-libmysqlclient-dev|"
    r"default-mysql-client|mariadb-(dev|connector)[\w-]*|zlib[\w-]*|libjpeg-(turbo-)?dev|"
    r"jpeg-dev|libxml2-dev|libxslt1?-dev|libev-dev|libsqlite3-dev|sqlite3?|sqlite-dev|cargo|"
    r"rustc|rust|autoconf|automake|libtool|patch|gettext|[\w+.-]+-dev(el)?)([=:].*)?"
)
_INSTALLERS = {"apt-get": "install", "apt": "install", "apk": "add"}
_OTHER_TOOLS = frozenset({"npm", "yarn", "pnpm", "npx", "bun", "go", "mvn", "gradle"})


def reason_for_own_image(stage: Stage) -> str:
    """What the Dockerfile has that karst's image lacks, as a phrase; "" for nothing."""
    if not _PYTHON_BASE.search(stage.base):
        return f"it begins with {stage.base}"
    for image in stage.images:
        if not _PYTHON_BASE.search(image):
            return f"it takes files from {image}"
    for step in stage.steps:
        for words in simple_commands(step.replace("\\\n", " ")):
            if words[0].rpartition("/")[2] in _OTHER_TOOLS:
                return f"it runs {words[0]}"
            for package in _system_packages(words):
                if not _HARMLESS.fullmatch(package):
                    return f"it installs the system package {package}"
    return ""


def _system_packages(words: list[str]) -> Iterator[str]:
    words = words[1:] if words[0] == "sudo" else words
    program = words[0].rpartition("/")[2] if words else ""
    verb = _INSTALLERS.get(program)
    if verb is None or verb not in words:
        return
    skip = False
    for word in words[words.index(verb) + 1 :]:
        if skip or word.startswith("-"):
            skip = word in ("-t", "--virtual", "--repository", "-X", "-o") and not skip
            continue
        if "$" not in word:
            yield word

"""Django projects: manage.py, its settings module, and what serves it."""

from __future__ import annotations

import re

from karst.inspection.commands import place_of
from karst.inspection.entrypoint import Candidate
from karst.inspection.frameworks import ASIDE
from karst.inspection.imports import folder_of, under
from karst.inspection.packaging import Packaging
from karst.inspection.places import manifest_folder
from karst.inspection.servers import SERVERS, where
from karst.inspection.shell import as_argv, quote
from karst.inspection.source import SourceTree

RULE = "a Django project"
_SETTINGS = re.compile(
    r"DJANGO_SETTINGS_MODULE[\"'\]]*\s*[,=]\s*(?:\w+\()?[\"']([\w.]+)[\"']"
)


def django(tree: SourceTree, packaging: Packaging) -> tuple[Candidate, ...]:
    """Django projects of the tree, the nearest to its root first."""
    places = [
        path
        for path in tree.files
        if path.rpartition("/")[2] == "manage.py"
        and path.count("/") <= 2
        and ASIDE.isdisjoint(path.split("/"))
        and "django" in (tree.read(path) or "").lower()
    ]
    places = [path for path in places if not _shows(tree, path)]
    places.sort(key=lambda path: (path.count("/"), path))
    nearest = [p for p in places if p.count("/") == places[0].count("/")]
    return tuple(_project(tree, packaging, path) for path in nearest)


def _shows(tree: SourceTree, path: str) -> bool:
    """Its settings lie among tests or examples: an add-on's, not a service's."""
    match = _SETTINGS.search(tree.read(path) or "")
    parts = match[1].split(".") if match else []
    return not (ASIDE | {"t"}).isdisjoint(parts)


def _project(tree: SourceTree, packaging: Packaging, path: str) -> Candidate:
    folder = folder_of(path)
    line = tree.line_of(path, "os.environ", "if ")
    evidence = [tree.evidence(path, line)]
    match = _SETTINGS.search(tree.read(path) or "")
    found = _server_module(tree, folder, match[1] if match else "", packaging)
    python_path = ""
    if found is None:
        words = ["python3", "manage.py", "runserver", "--noreload"]
        words += where(SERVERS["manage.py runserver"])
        packages: tuple[str, ...] = ()
    else:
        file, module, base = found
        program = "uvicorn" if file.endswith("asgi.py") else "gunicorn"
        evidence.append(tree.evidence(file, tree.line_of(file, "application", "app ")))
        words = [program, f"{module}:application", *where(SERVERS[program])]
        requirement = SERVERS[program].requirement
        packages = packaging.lacks(requirement)
        python_path = place_of(base) if base != folder else ""
    return Candidate(
        "command",
        quote(words),
        as_argv(words),
        RULE,
        tuple(evidence),
        python_path=python_path,
        workdir=place_of(folder),
        folder=manifest_folder(tree, folder),
        protocol="http",
        packages=packages,
    )


def _server_module(
    tree: SourceTree, folder: str, settings: str, packaging: Packaging
) -> tuple[str, str, str] | None:
    """The wsgi or asgi file, its dotted name, and the folder it is imported from.

    It lies beside the settings; channels and the like want asgi.
    """
    wants_asgi = packaging.depends_on("channels", "daphne", "django-ninja-extra")
    order = ("asgi", "wsgi") if wants_asgi else ("wsgi", "asgi")
    parts = settings.split(".")
    for base in (folder, under(folder, "src")):
        for end in range(len(parts), 0, -1):
            for name in order:
                inner = "/".join([*parts[:end], f"{name}.py"])
                file = under(base, inner)
                if file in tree.files:
                    return file, inner.removesuffix(".py").replace("/", "."), base
    for name in order:
        files = [
            p
            for p in tree.files
            if p.startswith(f"{folder}/" if folder else "")
            and p.endswith(f"/{name}.py")
            and ASIDE.isdisjoint(p.split("/"))
        ]
        if len(files) == 1:
            inner = files[0][len(folder) :].strip("/").removesuffix(".py")
            return files[0], inner.replace("/", "."), folder
    return None

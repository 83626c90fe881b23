"""repos.yaml --parse--> StackSpec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from karst.config.checks.containers import check_user, check_volumes
from karst.config.checks.doors import check_doors
from karst.config.checks.edges import check_edges
from karst.config.checks.names import check_service_names, check_stack_name, label_of
from karst.config.checks.ports import check_health, check_port
from karst.config.checks.smoke import check_smoke
from karst.config.checks.sources import check_source, image_name
from karst.config.checks.surroundings import check_surroundings
from karst.config.checks.variables import check_variables
from karst.config.checks.written import WrittenService
from karst.config.document import Document, Path, read_document
from karst.config.faults import Fault, raise_faults
from karst.config.resolve import resolve_service
from karst.config.schema import ServiceModel, StackModel
from karst.config.sentences import fault_of
from karst.config.slug import Slug, parse_slug
from karst.config.spec import MeshPorts, MeshSpec, StackSpec, StateSpec, TargetSpec
from karst.errors import SlugError

DEFAULT_NETWORK = MeshSpec.network
_SERVICE_CHECKS = (
    check_source,
    check_port,
    check_health,
    check_smoke,
    check_variables,
    check_volumes,
    check_user,
)
_LIST_CHECKS = (check_service_names, check_doors, check_edges)


def parse_stack(
    text: str,
    *,
    source: str,
    default_name: str,
    default_network: str = DEFAULT_NETWORK,
    ports: MeshPorts = MeshPorts(),  # noqa: B008  a frozen value
) -> StackSpec:
    """Parse repos.yaml in any of its three shapes.

    Args:
        text: YAML or JSON, at most 1 MiB.
        source: what messages call the file, such as `repos.yaml`.
        default_name: the calling repository's or folder's name; the stack's name is
            the nearest DNS label to it where the file gives none.
        default_network: the network's name where the file gives none.
        ports: the sidecars' ports, which no service may take.

    Raises:
        ConfigError: the first fault in the file; its `where` is `<source>:<line>
            <path>`, its `detail` lists the others. A SlugError for a bad slug.
    """
    document = read_document(text, source=source)
    stack = _validate(document)
    faults: list[Fault] = []
    services = _written_services(document, stack, ports, faults)
    name = label_of(default_name) or default_name if stack.name is None else stack.name
    faults += _check(stack, services, name)
    if faults:
        raise_faults(faults, document)
    return StackSpec(
        name=name,
        services=tuple(
            resolve_service(service, document.position(service.path)[0])
            for service in services
        ),
        mesh=MeshSpec(
            stack.mesh.network or default_network,
            stack.mesh.subnet,
            stack.mesh.default,
            stack.mesh.keeper,
            ports,
        ),
        target=TargetSpec(stack.target.docker_host),
        state=StateSpec(stack.state.backend, dict(stack.state.config)),
        source=source,
    )


def _validate(document: Document) -> StackModel:
    data: Any = document.data
    if not isinstance(data, list | dict):
        what = "a list of slugs or a mapping is wanted here"
        remedy = "write '- gh:owner/repo', or 'services:' and a list below it"
        raise_faults([Fault((), what, remedy)], document)
    is_bare = isinstance(data, list)
    try:
        stack = StackModel.model_validate({"services": data} if is_bare else data)
    except ValidationError as error:
        found = [fault_of(e) for e in error.errors(include_url=False)]
        if is_bare:
            found = [Fault(f.path[1:], f.what, f.remedy) for f in found]
        raise_faults(found, document)
    if (stack.services is None) == (stack.slugs is None):
        given = "neither is" if stack.services is None else "both are"
        what = f"a stack has 'services' or 'slugs', {given} given"
        remedy = "write 'services:' and a list of slugs below it"
        raise_faults([Fault((), what, remedy)], document)
    return stack


def _written_services(
    document: Document, stack: StackModel, ports: MeshPorts, faults: list[Fault]
) -> list[WrittenService]:
    """Return the entries with their places; slugs that can't be read go to `faults`."""
    key = "services" if stack.slugs is None else "slugs"
    prefix: Path = () if isinstance(document.data, list) else (key,)
    written = []
    for i, item in enumerate(stack.services or stack.slugs or ()):
        model = ServiceModel(slug=item) if isinstance(item, str) else item
        path = (*prefix, i)
        slug: Slug | None = None
        if model.slug is not None:
            try:
                slug = parse_slug(model.slug)
            except SlugError as error:
                at = (*path, "slug")
                faults.append(Fault(at, error.what, error.remedy, SlugError))
        written.append(WrittenService(path, model, _name(model, slug), slug, ports))
    return written


def _name(model: ServiceModel, slug: Slug | None) -> str:
    if model.name is not None:
        return model.name
    if model.image is not None:
        return image_name(model.image)
    return slug.repository_name if slug else ""


def _check(
    stack: StackModel, services: list[WrittenService], name: str
) -> Iterator[Fault]:
    yield from check_stack_name(name)
    yield from check_surroundings(stack)
    for service in services:
        for check_service in _SERVICE_CHECKS:
            yield from check_service(service)
    for check_list in _LIST_CHECKS:
        yield from check_list(services)

"""A checked entry of repos.yaml with its defaults filled in: ServiceSpec."""

from __future__ import annotations

from pathlib import PurePosixPath

from karst.config.checks.doors import listen_of, parse_listen
from karst.config.checks.written import WrittenService
from karst.config.schema import (
    PROBES,
    BuildModel,
    HealthModel,
    PublishModel,
    SmokeModel,
    TlsModel,
)
from karst.config.spec import (
    BuildSpec,
    HealthSpec,
    PublishSpec,
    Resources,
    ServiceSpec,
    SmokeSpec,
)


def resolve_service(service: WrittenService, line: int) -> ServiceSpec:
    """Return the entry as a value; `service` has passed every check."""
    model = service.model
    return ServiceSpec(
        name=service.name,
        slug=service.slug,
        image=model.image,
        path=_folder(model.path),
        entrypoint=(
            tuple(model.entrypoint)
            if isinstance(model.entrypoint, list)
            else model.entrypoint
        ),
        detection=model.detection or "declared",
        port=service.port,
        protocol=service.protocol,
        kind=model.kind,
        needs=_once(model.needs),
        env=dict(model.env),
        secrets=_once(model.secrets),
        health=_health(service),
        smoke=tuple(_smoke(entry) for entry in model.smoke),
        calls=None if model.calls is None else _once(model.calls),
        publish=_publish(service),
        build=_build(service),
        volumes=dict(model.volumes),
        resources=Resources(model.resources.cpus, model.resources.memory),
        user=model.user,
        line=line,
        written=_written(service),
    )


def _written(service: WrittenService) -> tuple[str, ...]:
    """Which of port, protocol and health the entry itself gives."""
    model = service.model
    given = {
        "port": model.port,
        "protocol": model.protocol,
        "health": model.health,
    }
    return tuple(name for name, value in given.items() if value is not None)


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _folder(path: str | None) -> str:
    folder = str(PurePosixPath(path or ""))
    return "" if folder == "." else folder


def _health(service: WrittenService) -> HealthSpec:
    health = service.model.health
    if health is None:
        return HealthSpec("tcp" if service.port else "process")
    kind = next(kind for kind in PROBES if getattr(health, kind) is not None)
    return HealthSpec(
        kind=kind,
        target=_target(health),
        command=tuple(health.command or ()),
        grace=health.grace,
        interval=health.interval,
        timeout=health.timeout,
    )


def _target(health: HealthModel) -> str:
    return health.http if health.http is not None else health.grpc or ""


def _smoke(entry: str | SmokeModel) -> SmokeSpec:
    if isinstance(entry, str):
        return SmokeSpec(entry)
    return SmokeSpec(
        entry.path,
        entry.method,
        dict(entry.headers),
        entry.body,
        entry.status,
        entry.contains or "",
        entry.timeout,
    )


def _publish(service: WrittenService) -> PublishSpec | None:
    publish = service.model.publish
    if publish is None:
        return None
    address, port = parse_listen(listen_of(service)[0])
    tls = publish.tls if isinstance(publish, PublishModel) else False
    if isinstance(tls, TlsModel):
        return PublishSpec(address, port, "secrets", tls.certificate, tls.key)
    return PublishSpec(address, port, "stack" if tls else "")


def _build(service: WrittenService) -> BuildSpec:
    build = service.model.build
    if isinstance(build, BuildModel):
        return BuildSpec(build.with_, build.ca_bundle, _once(build.secrets))
    return BuildSpec(build or "auto")

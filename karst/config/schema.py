"""The shape of repos.yaml: which keys there are and what kind of value each takes.

What values mean together (names, ports, edges) is checked in `karst.config.checks`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Tag, model_validator

from karst.config.spec import ProbeKind
from karst.config.words import (
    LIST,
    MAPPING,
    NUMBER,
    TEXT,
    TRUTH,
    Duration,
    Memory,
    Switch,
    Word,
    choice,
    refuse,
)

Port = Annotated[int, Field(ge=1, le=65535)]
Text = Annotated[str, Field(min_length=1)]
BuildWith = Literal["auto", "template", "dockerfile"]
PROBES: tuple[ProbeKind, ...] = ("http", "grpc", "tcp", "command", "process")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class HealthModel(_Model):
    """How a service is asked for its health: exactly one probe."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [kind]} for kind in PROBES]}
    )

    http: Text | None = Field(
        default=None, description="Path to GET; 2xx or 3xx is well"
    )
    grpc: str | None = Field(
        default=None,
        description="Service asked over grpc.health.v1; '' is the server itself",
    )
    tcp: Literal[True] | None = Field(default=None, description="A connect is enough")
    command: Annotated[list[Word], Field(min_length=1)] | None = Field(
        default=None, description="Argv run in the app's container; exit code 0 is well"
    )
    process: Literal[True] | None = Field(
        default=None, description="Well as long as the process is up"
    )
    grace: Duration = Field(default=30.0, description="How long a start may take")
    interval: Duration = Field(default=2.0, description="Time between two questions")
    timeout: Duration = Field(default=2.0, description="How long an answer may take")

    @model_validator(mode="after")
    def _one_probe(self) -> HealthModel:
        kinds = [kind for kind in PROBES if getattr(self, kind) is not None]
        if len(kinds) != 1:
            found = f"found {' and '.join(kinds)}" if kinds else "found none"
            refuse(
                f"exactly one of {', '.join(PROBES)} is wanted, {found}",
                "keep the one that shows best that the service works",
            )
        return self


class SmokeModel(_Model):
    """One request of an end-to-end run to an HTTP service."""

    path: Text = Field(description="Path to ask, with its query")
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        default="GET", description="HTTP method"
    )
    headers: dict[str, Word] = Field(default={}, description="Headers to send")
    body: str | None = Field(default=None, description="What is sent")
    status: Annotated[int, Field(ge=100, le=599)] | None = Field(
        default=None, description="Status that is wanted; default: any below 400"
    )
    contains: Text | None = Field(
        default=None, description="Text that the answer must hold"
    )
    timeout: Duration = Field(default=10.0, description="How long an answer may take")


class BuildModel(_Model):
    """How the image is built."""

    with_: BuildWith = Field(
        default="auto",
        alias="with",
        description="karst's template, the repository's own Dockerfile, or whichever fits",
    )
    ca_bundle: Text | None = Field(
        default=None,
        description="PEM file of CAs trusted while dependencies are installed",
    )
    secrets: list[str] = Field(
        default=[], description="Variables given to the build alone"
    )


class TlsModel(_Model):
    """A certificate of your own for a published port."""

    certificate: str = Field(description="Secret that holds the chain in PEM")
    key: str = Field(description="Secret that holds the key in PEM")


class PublishModel(_Model):
    """A door for browsers."""

    listen: Annotated[
        Annotated[str, Tag(TEXT)] | Annotated[Port, Tag(NUMBER)],
        choice("a door is an address and a port", "write it as 127.0.0.1:8080"),
    ] = Field(description="ADDR:PORT of the host, or a port of 127.0.0.1")
    tls: Annotated[
        Annotated[bool, Tag(TRUTH)] | Annotated[TlsModel, Tag(MAPPING)],
        choice(
            "this is no TLS setting",
            "write true for a certificate of the stack's own CA, "
            "or {certificate: SECRET, key: SECRET}",
        ),
    ] = Field(default=False, description="true: a certificate of the stack's CA")


class ResourcesModel(_Model):
    """Limits of the app's container."""

    cpus: Annotated[float, Field(gt=0, le=1024)] | None = Field(
        default=None, description="1 is one core"
    )
    memory: Memory | None = Field(default=None, description="256MiB, 1GiB or bytes")


class ServiceModel(_Model):
    """One service: a repository (`slug`) or somebody's image (`image`)."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["slug"]}, {"required": ["image"]}]}
    )

    slug: str | None = Field(
        default=None, description="gh:owner/repo#ref, gl:, bb: or file:./path"
    )
    image: str | None = Field(default=None, description="A ready image, run as it is")
    name: str | None = Field(
        default=None, description="Name in the mesh; default: the repository's"
    )
    path: Text | None = Field(default=None, description="Folder of a monorepo")
    entrypoint: (
        Annotated[
            Annotated[Text, Tag(TEXT)]
            | Annotated[list[Word], Field(min_length=1), Tag(LIST)],
            choice(
                "an entrypoint is module:function or a command as a list",
                "write it as api.main:run or [python, -m, api]",
            ),
        ]
        | None
    ) = Field(default=None, description="module:function or argv; overrides detection")
    detection: Literal["declared", "conventional"] | None = Field(
        default=None,
        description="declared (the default): what the author declared, then what the files say; conventional: the five rules in their literal order",
    )
    port: Port | None = Field(
        default=None,
        description="Port in the mesh; default: the one that the repository names, else 8000, for grpc 50051",
    )
    protocol: Literal["http", "grpc", "tcp", "none"] | None = Field(
        default=None,
        description="none is a worker; default: as the repository looks, else http, for jobs none",
    )
    kind: Literal["service", "job"] = Field(
        default="service", description="A job runs to its end before what needs it"
    )
    needs: list[str] = Field(default=[], description="Jobs that must have ended well")
    env: dict[str, Word] = Field(default={}, description="Variables of the app")
    secrets: list[str] = Field(
        default=[], description="Names looked up in the step's environment"
    )
    health: HealthModel | None = None
    smoke: list[
        Annotated[
            Annotated[Text, Tag(TEXT)] | Annotated[SmokeModel, Tag(MAPPING)],
            choice(
                "a smoke request is a path or a mapping",
                "write it as /orders or {path: /orders, status: 200}",
            ),
        ]
    ] = Field(default=[], description="Requests that `karst e2e` asks through the mesh")
    calls: list[str] | None = Field(
        default=None, description="Services it may call; absent: as mesh.default says"
    )
    publish: (
        Annotated[
            Annotated[str, Tag(TEXT)]
            | Annotated[Port, Tag(NUMBER)]
            | Annotated[PublishModel, Tag(MAPPING)],
            choice(
                "a door is ADDR:PORT, a port or a mapping",
                "write it as 127.0.0.1:8080, 8080 or {listen: '127.0.0.1:8080', tls: true}",
            ),
        ]
        | None
    ) = Field(default=None, description="A door for browsers on the host")
    build: (
        Annotated[
            Annotated[BuildWith, Tag(TEXT)] | Annotated[BuildModel, Tag(MAPPING)],
            choice(
                "a build is a word or a mapping",
                "write auto, template, dockerfile, or {with: dockerfile, secrets: [...]}",
            ),
        ]
        | None
    ) = Field(default=None, description="How the image is built")
    volumes: dict[str, str] = Field(
        default={}, description="Volume names and where they go"
    )
    resources: ResourcesModel = ResourcesModel()
    user: Word | None = Field(
        default=None, description="uid, uid:gid or a name; default: the image's"
    )


Service = Annotated[
    Annotated[str, Tag(TEXT)] | Annotated[ServiceModel, Tag(MAPPING)],
    choice("a service is a slug or a mapping", "write it as gh:owner/repo"),
]
Services = Annotated[list[Service], Field(min_length=1)]


class MeshModel(_Model):
    """The network, and who may call whom where a service does not say."""

    network: str | None = Field(
        default=None, description="Docker network; default iacnet"
    )
    subnet: str = Field(
        default="172.20.0.0/16", description="Private IPv4 network, /26 or more"
    )
    default: Literal["allow", "deny"] = Field(
        default="allow",
        description="Whether services without `calls` may call all others",
    )
    keeper: Switch = Field(
        default=True,
        description="Whether karst's keeper repairs what the engine does not",
    )


class TargetModel(_Model):
    """The engine that runs the stack."""

    docker_host: str | None = Field(
        default=None,
        description="ssh://, tcp:// or unix:// address; default: the one at hand",
    )


class StateModel(_Model):
    """Terraform's backend."""

    backend: str = Field(
        default="local", description="Name of a Terraform backend, or target"
    )
    config: dict[str, Word] = Field(default={}, description="Settings of the backend")


class StackModel(_Model):
    """The full form of repos.yaml."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["services"]}, {"required": ["slugs"]}]
        }
    )

    name: str | None = Field(
        default=None, description="The stack; default: the calling repository's name"
    )
    services: Services | None = None
    slugs: Services | None = Field(
        default=None, description="Another word for `services`"
    )
    mesh: MeshModel = MeshModel()
    target: TargetModel = TargetModel()
    state: StateModel = StateModel()

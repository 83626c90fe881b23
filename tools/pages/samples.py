"""Values to show for each key of repos.yaml: good ones, and ones that are refused.

A key of the schema that has no example here fails `make generate`.
"""

from __future__ import annotations

EXAMPLES: dict[str, dict[str, str]] = {
    "StackModel": {
        "name": "shop",
        "services": "[file:./web]",
        "slugs": "[file:./web, file:./api]",
        "mesh": "{default: deny}",
        "target": "{docker_host: 'unix:///var/run/docker.sock'}",
        "state": "{backend: local}",
    },
    "ServiceModel": {
        "slug": "file:./api#v1.4.2",
        "image": "postgres:17",
        "name": "api",
        "path": "services/api",
        "entrypoint": "api.main:run",
        "detection": "conventional",
        "port": "8000",
        "protocol": "grpc",
        "kind": "job",
        "needs": "[migrate]",
        "env": "{LOG_LEVEL: info}",
        "secrets": "[DATABASE_URL]",
        "health": "{http: /healthz, grace: 1m}",
        "calls": "[api, store]",
        "publish": "127.0.0.1:8080",
        "build": "dockerfile",
        "volumes": "{data: /var/lib/app}",
        "resources": "{cpus: 0.5, memory: 256MiB}",
        "user": '"999:999"',
    },
    "HealthModel": {
        "http": "/healthz",
        "grpc": '""',
        "tcp": "true",
        "command": "[pg_isready, -q]",
        "process": "true",
        "grace": "1m30s",
        "interval": "500ms",
        "timeout": "5s",
    },
    "BuildModel": {
        "with": "dockerfile",
        "ca_bundle": "certs/company.pem",
        "secrets": "[PACKAGE_TOKEN]",
    },
    "PublishModel": {"listen": "127.0.0.1:8443", "tls": "true"},
    "TlsModel": {"certificate": "SITE_CERTIFICATE", "key": "SITE_KEY"},
    "ResourcesModel": {"cpus": "0.5", "memory": "256MiB"},
    "MeshModel": {
        "network": "shopnet",
        "subnet": "172.30.0.0/24",
        "default": "deny",
        "keeper": "off",
    },
    "TargetModel": {"docker_host": "unix:///var/run/docker.sock"},
    "StateModel": {"backend": "pg", "config": "{schema_name: shop}"},
}

FAULTS: dict[str, tuple[str, ...]] = {
    "StackModel": (
        "services: []",
        "{name: My Shop, services: [gh:acme/web]}",
        "{services: [gh:acme/web], servces: []}",
        "{services: [gh:acme/web], slugs: [gh:acme/api]}",
    ),
    "ServiceModel": (
        "- {slug: gh:acme/web, helth: {}}",
        "- acme/web",
        "- {slug: gh:acme/web, image: web}",
        "- {slug: gh:acme/web, name: karst-web}",
        "- {slug: gh:acme/web, path: ../other}",
        "- {slug: gh:acme/web, entrypoint: 5}",
        "- {slug: gh:acme/web, detection: magic}",
        "- {slug: gh:acme/web, port: 15001}",
        "- {slug: gh:acme/web, protocol: udp}",
        "- {slug: gh:acme/web, kind: job, port: 80}",
        "- {slug: gh:acme/web, needs: [db]}",
        "- {slug: gh:acme/web, env: {PORT: 80}}",
        "- {slug: gh:acme/web, secrets: [GITHUB_TOKEN]}",
        "- {slug: gh:acme/web, calls: [bd]}",
        "- {slug: gh:acme/web, publish: '*:80'}",
        "- {slug: gh:acme/web, build: kaniko}",
        "- {slug: gh:acme/web, volumes: {data: data}}",
        "- {slug: gh:acme/web, user: 1337}",
    ),
    "HealthModel": (
        "- {slug: gh:acme/web, health: {grace: 5s}}",
        "- {slug: gh:acme/web, health: {http: healthz}}",
        "- {slug: gh:acme/web, health: {tcp: true, grace: 30 s}}",
        "- {slug: gh:acme/web, protocol: none, health: {tcp: true}}",
    ),
    "BuildModel": ("- {slug: gh:acme/web, build: {secrets: [CI_JOB_TOKEN]}}",),
    "PublishModel": (
        "- {slug: gh:acme/web, publish: {listen: 80, tls: yes please}}",
        "- {slug: gh:acme/web, protocol: none, publish: 80}",
    ),
    "ResourcesModel": (
        "- {slug: gh:acme/web, resources: {memory: 256MB}}",
        "- {slug: gh:acme/web, resources: {cpus: 0}}",
    ),
    "MeshModel": (
        "{services: [gh:acme/web], mesh: {subnet: 8.8.0.0/16}}",
        "{services: [gh:acme/web], mesh: {subnet: 172.30.0.0/28}}",
        "{services: [gh:acme/web], mesh: {default: maybe}}",
    ),
    "TargetModel": ("{services: [gh:acme/web], target: {docker_host: engine7}}",),
    "StateModel": ("{services: [gh:acme/web], state: {backend: Postgres SQL}}",),
}

"""Plans are read from Terraform's JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from karst.terraform import (
    DoorRelease,
    NetworkVariables,
    Plan,
    Release,
    ServiceChange,
    Stack,
)
from karst.terraform.plan import parse_containers, parse_plan, plan_of_nothing

NETWORK = NetworkVariables("n", "10.0.0.0/24", "10.0.0.1", "10.0.0.0/26")


def release(service: str, key: str) -> Release:
    return Release(
        service=service,
        release=key,
        container=f"s-{service}-{key}",
        inputs="",
        kind="service",
        image="i",
        revision="",
        agent="{}",
        sidecar_image="k",
        address="",
        virtual_address="",
        shim=True,
        entrypoint=None,
        command=None,
        user=None,
        env={},
        secrets=(),
        volumes={},
        cpus=None,
        memory=None,
        restart="no",
    )


def stack(*releases: Release, edges: dict[str, tuple[str, ...]] | None = None) -> Stack:
    return Stack("s", NETWORK, {r.key: r for r in releases}, edges or {})


def change(name: str, key: str, *actions: str, **more: Any) -> dict[str, Any]:
    kind = "terraform_data" if name in ("release", "edges") else "docker_container"
    return {
        "address": f'{kind}.{name}["{key}"]',
        "name": name,
        "index": key,
        "change": {"actions": list(actions), "before": None, "after": None, **more},
    }


def parse(
    wanted: Stack,
    *changes: dict[str, Any],
    before: dict[str, tuple[str, ...]] | None = None,
) -> Plan:
    text = json.dumps({"resource_changes": list(changes)})
    return parse_plan(text, stack=wanted, path=Path("p"), applied_edges=before or {})


def test_nothing_to_do() -> None:
    plan = parse(stack(release("api", "1")), change("app", "api@1", "no-op"))
    assert plan.empty
    assert plan.counts() == {"add": 0, "change": 0, "remove": 0, "keep": 1}


def test_a_plan_without_changes_is_the_same_read_or_not() -> None:
    """Terraform says by its exit code that there are none: then nothing is read."""
    web, api = release("web", "1"), release("api", "2")
    edges = {"web": ("api",), "api": ()}
    door = DoorRelease("web", "3", "s-web-door-3", "{}", "k", "", "n", "", 80, 15080)
    wanted = replace(stack(web, api, edges=edges), doors={door.key: door})
    containers = {
        (role, each.key): name
        for each in (web, api)
        for role, name in (("app", each.container), ("sidecar", each.sidecar))
    }
    containers["door", door.key] = door.container
    kept = [
        change(role, key, "no-op", before={"name": name}, after={"name": name})
        for (role, key), name in containers.items()
    ]
    read = parse(
        wanted, *({**c, "type": "docker_container"} for c in kept), before=edges
    )
    unread = plan_of_nothing(stack=wanted, path=Path("p"), applied_edges=edges)
    assert unread == read
    assert unread.known == set(containers.values())


def test_add_change_remove_keep() -> None:
    wanted = stack(release("new", "1"), release("api", "2"), release("web", "1"))
    plan = parse(
        wanted,
        change("app", "new@1", "create"),
        change("app", "api@2", "create"),
        change("app", "api@1", "delete"),
        change("sidecar", "old@7", "delete"),
        change("app", "web@1", "no-op"),
    )
    assert plan.services == (
        ServiceChange("api", "change", old="1", new="2"),
        ServiceChange("new", "add", new="1"),
        ServiceChange("web", "keep", new="1"),
        ServiceChange("old", "remove", old="7"),
    )
    assert not plan.empty


def test_an_edge_is_a_change_of_the_caller_alone() -> None:
    wanted = stack(
        release("api", "1"),
        release("web", "1"),
        edges={"web": ("api",), "api": ()},
    )
    plan = parse(
        wanted,
        change(
            "edges", "web", "update", before={"input": []}, after={"input": ["api"]}
        ),
        before={"web": (), "api": ("web",)},
    )
    assert plan.services == (
        ServiceChange("api", "change", new="1", closed=("web",)),
        ServiceChange("web", "change", new="1", opened=("api",)),
    )


def test_what_differs_is_named_without_what_is_computed() -> None:
    drift = change(
        "app",
        "api@1",
        "delete",
        "create",
        before={"image": "a", "id": "1", "cpus": "1"},
        after={"image": "b", "cpus": "1"},
        after_unknown={"id": True},
        replace_paths=[["image"]],
    )
    (resource,) = parse(stack(release("api", "1")), drift).resources
    assert resource.attributes == ("image",)
    assert resource.actions == ("delete", "create")


def test_of_a_door_made_anew_only_what_was_asked_differs() -> None:
    """As the provider writes a door whose port changes."""

    def door(release: str, port: int, **other: Any) -> dict[str, Any]:
        labels = {"karst.release": release, "karst.role": "edge"}
        return {
            "name": f"shop-web-door-{release}",
            "env": [f'KARST_SIDECAR={{"release": "{release}"}}'],
            "labels": [{"label": n, "value": v} for n, v in labels.items()],
            "ports": [{"external": port, "ip": "127.0.0.1"}],
            **other,
        }

    forced = ("ports", "env", "volumes", "labels", "name")

    def differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
        replaced = change(
            "door",
            "web",
            "delete",
            "create",
            before=before,
            after=after,
            after_unknown={"hostname": True},
            replace_paths=[[name] for name in forced],
        )
        return parse(stack(release("web", "1")), replaced).resources[0].attributes

    nets = [[{"name": "n", "gw_priority": unset}] for unset in (0, None)]
    volumes = [
        [{"volume_name": f"shop-web-door-{r}-mesh", "read_only": unset}]
        for r, unset in (("0ld", False), ("4ew", None))
    ]
    before = door("0ld", 80, user="0:0", hostname="c0", networks_advanced=nets[0])
    after = door("4ew", 81, user=None, networks_advanced=nets[1])
    before["volumes"], after["volumes"] = volumes
    assert differing(before, after) == ("ports",)
    assert differing(before, {**after, "image": "b"}) == ("image", "ports")
    # Nothing else to name: then what follows from the release is said.
    assert differing(door("0ld", 80), door("4ew", 80)) == ("env", "labels", "name")


def test_equal_plans_have_equal_fingerprints() -> None:
    first = [change("app", "a@1", "create"), change("app", "b@1", "create")]
    wanted = stack(release("a", "1"), release("b", "1"))
    same = parse(wanted, *first).fingerprint
    assert parse(wanted, *reversed(first)).fingerprint == same
    other = change("app", "b@1", "create", after={"image": "evil"})
    assert parse(wanted, first[0], other).fingerprint != same


def test_a_plan_knows_the_containers_of_the_state() -> None:
    def container(name: str, role: str, *actions: str, before: bool) -> dict[str, Any]:
        state = {"name": name} if before else None
        found = change(role, name, *actions, before=state)
        return {**found, "type": "docker_container"}

    plan = parse(
        stack(),
        container("s-api-1", "app", "no-op", before=True),
        container("s-api-2", "app", "delete", before=True),
        container("s-api-3-sidecar", "sidecar", "create", before=False),
        change("release", "api@1", "no-op", before={"name": "not a container"}),
    )
    assert plan.known == {"s-api-1", "s-api-2"}


def test_containers_of_a_state() -> None:
    resources = [
        {"type": "docker_container", "values": {"name": "s-api-1"}},
        {"type": "docker_network", "values": {"name": "n"}},
    ]
    state = {"values": {"root_module": {"resources": resources}}}
    assert parse_containers(json.dumps(state)) == {"s-api-1"}
    assert parse_containers('{"format_version": "1.0"}') == frozenset()

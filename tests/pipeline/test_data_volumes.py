"""A volume's name has three parts that may each hold a hyphen: whose is it?"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from karst.config.spec import ServiceSpec, StackSpec
from karst.effects.engine_volumes import VolumeFacts
from karst.errors import ConfigError
from karst.pipeline.data_volumes import Look, refuse_volumes
from karst.terraform import Stack
from karst.terraform.ledger import Prepared, render_stack
from karst.terraform.stack import Applied


def volumes(there: dict[str, dict[str, str]]) -> Look:
    """The engine's volumes that have a label, by name."""

    def look(wanted: Mapping[str, str]) -> tuple[VolumeFacts, ...]:
        assert wanted == {"karst.stack": ""}
        return tuple(
            VolumeFacts(n.replace("_", "-"), each) for n, each in there.items()
        )

    return look


def stack(*services: ServiceSpec, name: str = "shop") -> tuple[StackSpec, Stack]:
    spec = StackSpec(name, services)
    prepared = {s.name: Prepared(s, "i", "", "", True) for s in services}
    return spec, render_stack(spec, prepared, Applied(), "s")


def refused(*services: ServiceSpec, **there: dict[str, str]) -> str:
    spec, made = stack(*services)
    with pytest.raises(ConfigError) as caught:
        refuse_volumes(spec, made, Applied(), volumes(there))
    return str(caught.value)


def test_a_volume_of_one_s_own_is_well_new_or_there() -> None:
    service = ServiceSpec("api", volumes={"data": "/data"})
    spec, made = stack(service, ServiceSpec("web", volumes={"data": "/data"}))
    kept = {"karst.stack": "shop", "karst.data": "kept"}
    for there in ({}, {"shop_api_data": kept}):
        refuse_volumes(spec, made, Applied(), volumes(there))


@pytest.mark.parametrize("volume", ["karst", "state", "data"])
def test_another_stacks_volume_is_not_mounted(volume: str) -> None:
    """`shop` with a service `eu` is not the stack `shop-eu`, whose key is there."""
    theirs = {f"shop_eu_{volume}": {"karst.stack": "shop-eu", "karst.data": "kept"}}
    said = refused(ServiceSpec("eu", volumes={volume: "/stolen"}), **theirs)
    assert f"'shop-eu-{volume}' belongs to the stack 'shop-eu'" in said
    assert said.startswith(f"repos.yaml services.eu.volumes.{volume}: ")


@pytest.mark.parametrize("volume", ["mesh", "secrets"])
def test_a_neighbours_key_and_secrets_are_not_mounted(volume: str) -> None:
    """The release's key is in every comment: a service may be called like a container."""
    web = ServiceSpec("web", secrets=("PASSWORD",))
    release = stack(web)[1].release_of("web").release
    thief = ServiceSpec(f"web-{release}", volumes={volume: "/stolen"})
    assert "is karst's own" in refused(web, thief)
    # Nor those of a release that is no longer wanted and still there.
    spec, made = stack(thief)
    before = Applied(services=stack(web)[1].services)
    with pytest.raises(ConfigError, match="karst's own"):
        refuse_volumes(spec, made, before, volumes({}))
    left = {f"shop_web_{release}_{volume}": {"karst.stack": "shop"}}
    assert "is karst's own" in refused(thief, **left)


def test_two_services_do_not_come_to_one_volume_by_their_names() -> None:
    said = refused(
        ServiceSpec("a", volumes={"b-c": "/data"}),
        ServiceSpec("a-b", volumes={"c": "/data"}),
    )
    assert "'shop-a-b-c' is already that of the service 'a'" in said

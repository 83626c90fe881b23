"""What a throw-away stack shares with the one it tries: its services, and nothing else."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from karst.config.parse import parse_stack
from karst.config.spec import StackSpec
from karst.effects.engine_facts import NetworkFacts
from karst.errors import NetworkClashError
from karst.pipeline.e2e_stack import RANGE, choose_subnet, throw_away

TEXT = """
name: shop
services:
  - {slug: 'file:./web', publish: '127.0.0.1:8080', calls: [api], smoke: [/]}
  - {slug: 'file:./api', secrets: [TOKEN]}
mesh: {network: shopnet, subnet: 172.30.0.0/24, default: deny}
target: {docker_host: 'ssh://deploy@host'}
state: {backend: pg}
"""


def shop(name: str = "shop") -> StackSpec:
    text = TEXT.replace("name: shop\n", f"name: {name}\n")
    return parse_stack(text, source="repos.yaml", default_name="x")


def networks(*subnets: str) -> list[NetworkFacts]:
    return [NetworkFacts(f"n{i}", (s,), {}) for i, s in enumerate(subnets)]


def test_it_has_a_name_a_network_a_state_of_its_own_and_publishes_nothing() -> None:
    mine = throw_away(shop(), [])
    assert mine.name.startswith("shop-e2e-")
    assert mine.mesh.network == f"karst-{mine.name}"
    assert IPv4Network(mine.mesh.subnet).subnet_of(RANGE)
    assert mine.state.backend == "local"
    assert [s.publish for s in mine.services] == [None, None]
    # One keeper serves the whole engine: another run's must not be replaced.
    assert mine.mesh.keeper is False


def test_what_is_tried_is_what_is_written() -> None:
    mine, base = throw_away(shop(), []), shop()
    assert mine.target == base.target
    assert mine.mesh.default == "deny"
    assert [mine.callees(s.name) for s in mine.services] == [("api",), ()]
    assert mine.service("web").smoke == base.service("web").smoke
    assert mine.service("api").secrets == ("TOKEN",)


def test_two_runs_have_two_names() -> None:
    assert throw_away(shop(), []).name != throw_away(shop(), []).name


@pytest.mark.parametrize("length", [1, 25, 31, 32, 40])
def test_a_long_name_is_still_one(length: int) -> None:
    name = throw_away(shop("s" * length), []).name
    assert len(name) <= 40
    parse_stack(TEXT.replace("shop\n", f"{name}\n", 1), source="r", default_name="x")


def test_a_name_cut_at_a_dash_does_not_double_it() -> None:
    assert "--" not in throw_away(shop("s" * 29 + "-tail"), []).name


def test_only_what_no_network_touches_is_chosen() -> None:
    blocks = list(RANGE.subnets(new_prefix=24))
    taken = networks(*(str(b) for b in blocks if b != blocks[77]), "fd00::/64")
    assert choose_subnet(taken, 24) == blocks[77]


def test_a_range_that_is_all_taken_is_a_sentence() -> None:
    with pytest.raises(NetworkClashError, match=str(RANGE)):
        choose_subnet(networks("10.0.0.0/8"), 24)


def test_the_network_grows_with_the_services() -> None:
    text = "services:\n" + "".join(f"  - 'file:./s{i}'\n" for i in range(100))
    spec = parse_stack(text, source="repos.yaml", default_name="many")
    subnet = IPv4Network(throw_away(spec, []).mesh.subnet)
    # A quarter each: a fixed address for an old and a new release, and a virtual one.
    assert subnet.num_addresses // 4 >= 2 * 100

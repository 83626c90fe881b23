"""What sidecars are handed, judged by its meaning; Envoy itself judges its form."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import pytest

from karst.config.spec import MeshPorts, PublishSpec
from karst.mesh.assemble import Member, assemble
from karst.mesh.delivery import secret_files, set_files
from karst.mesh.files import FileSet, render_door, render_node
from karst.mesh.model import Mesh
from karst.pki import LocalAuthority
from karst.secret import Secret

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BOOTSTRAP = Template("service: ${service}\n")
MEMBERS = {
    "web": Member(8000, "http", "10.9.0.130", ("10.9.0.70",)),
    "api": Member(8000, "http", "10.9.0.131", ("10.9.0.71",)),
    "db": Member(5432, "tcp", "10.9.0.132", ()),
    "price": Member(50051, "grpc", "10.9.0.133", ("10.9.0.73",)),
    "worker": Member(None, "none", "10.9.0.134", ()),
}
PROBE = "spiffe://karst.internal/shop/karst-probe"
EDGES: dict[str, tuple[str, ...]] = {
    "web": ("api",),
    "api": ("db", "price", "gone"),
    "worker": ("api",),
}


@pytest.fixture(scope="module")
def authority() -> LocalAuthority:
    return LocalAuthority.create("shop", now=NOW)


def mesh(**changed: Member) -> Mesh:
    published = {"web": PublishSpec("127.0.0.1", 8080)}
    return assemble("shop", {**MEMBERS, **changed}, EDGES, published)


def files_of(authority: LocalAuthority, name: str, mesh: Mesh) -> FileSet:
    node = mesh.nodes[name]
    # One leaf for all: a version must differ by configuration alone.
    leaf = authority.issue(mesh.nodes["web"].identity, now=NOW, lifetime=timedelta(1))
    return render_node(node, leaf, authority.bundle_pem, BOOTSTRAP)


def read(files: FileSet, name: str) -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = json.loads(files.files[name].content)["resources"]
    return resources


def listeners(files: FileSet) -> dict[str, dict[str, Any]]:
    return {r["name"]: r for r in read(files, "lds.json")}


def chains(listener: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["name"]: c for c in listener["filter_chains"]}


def who_may(chain: dict[str, Any]) -> str:
    """The secret that lists the callers, or the one identity that may call."""
    common = chain["transport_socket"]["typed_config"]["common_tls_context"]
    combined = common.get("combined_validation_context")
    if not combined:
        return str(common["validation_context_sds_secret_config"]["name"])
    context = combined["default_validation_context"]
    (matcher,) = context["match_typed_subject_alt_names"]
    assert combined["validation_context_sds_secret_config"]["name"] == "trust"
    return str(matcher["matcher"]["exact"])


def allowed(files: FileSet, name: str) -> list[str]:
    (secret,) = read(files, f"sds-{name}.json")
    matchers = secret["validation_context"]["match_typed_subject_alt_names"]
    assert all(m["san_type"] == "URI" for m in matchers)
    return [m["matcher"]["exact"] for m in matchers]


def test_who_may_call_is_decided_by_identity(authority: LocalAuthority) -> None:
    found = mesh()
    base = "spiffe://karst.internal/shop"
    assert allowed(files_of(authority, "api", found), "callers") == [
        f"{base}/web",
        f"{base}/worker",
        f"{base}/karst-probe",
    ]
    assert allowed(files_of(authority, "web", found), "callers") == [
        f"{base}/karst-door-web",
        f"{base}/karst-probe",
    ]
    assert allowed(files_of(authority, "db", found), "callers") == [
        f"{base}/api",
        f"{base}/karst-probe",
    ]


def test_every_inbound_port_wants_a_client_certificate(
    authority: LocalAuthority,
) -> None:
    found = mesh()
    for name in MEMBERS:
        inbound = listeners(files_of(authority, name, found))["inbound"]
        for chain in inbound["filter_chains"]:
            tls = chain["transport_socket"]["typed_config"]
            assert who_may(chain) in ("callers", PROBE)
            assert tls["require_client_certificate"] is True
            assert tls["disable_stateless_session_resumption"] is True
            assert tls["disable_stateful_session_resumption"] is True
            assert set(chain["filter_chain_match"]) == {"destination_port"}


def test_inbound_ports_and_who_they_are_for(authority: LocalAuthority) -> None:
    found = mesh()

    def doors(name: str) -> dict[int, str]:
        inbound = listeners(files_of(authority, name, found))["inbound"]
        return {
            c["filter_chain_match"]["destination_port"]: who_may(c)
            for c in inbound["filter_chains"]
        }

    assert doors("api") == {50051: PROBE, 9901: PROBE, 8000: "callers"}
    assert doors("price") == {50051: "callers", 9901: PROBE}
    assert doors("worker") == {50051: PROBE, 9901: PROBE}


def test_the_callee_is_the_dialled_address(authority: LocalAuthority) -> None:
    outbound = listeners(files_of(authority, "api", mesh()))["outbound"]
    assert outbound["address"]["socket_address"]["address"] == "127.0.0.1"
    matches = {
        name: (
            chain["filter_chain_match"]["prefix_ranges"][0]["address_prefix"],
            chain["filter_chain_match"]["destination_port"],
        )
        for name, chain in chains(outbound).items()
    }
    assert matches == {
        "to-db": ("10.9.0.132", 5432),
        "to-price": ("10.9.0.133", 50051),
        "to-self": ("10.9.0.131", 8000),
    }


def test_the_caller_checks_whom_it_reached(authority: LocalAuthority) -> None:
    clusters = {
        r["name"]: r for r in read(files_of(authority, "api", mesh()), "cds.json")
    }
    tls = clusters["to-db"]["transport_socket"]["typed_config"]
    context = tls["common_tls_context"]["combined_validation_context"]
    assert tls["sni"] == "db.shop.karst.internal"
    assert context["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"exact": "spiffe://karst.internal/shop/db"}}
    ]
    assert "transport_socket" not in clusters["app"]


def test_a_release_switch_changes_endpoints_only(authority: LocalAuthority) -> None:
    before = files_of(authority, "web", mesh())
    moved = Member(8000, "http", "10.9.0.131", ("10.9.0.99",))
    after = files_of(authority, "web", mesh(api=moved))
    changed = {
        name
        for name in before.files
        if before.files[name].content != after.files[name].content
        and name != "sds-identity.json"
    }
    assert changed == {"cds.json"}
    assert before.version != after.version


def test_nobody_is_told_of_what_he_may_not_call(authority: LocalAuthority) -> None:
    files = files_of(authority, "web", mesh())
    assert files.files["hosts"].content.decode() == (
        "10.9.0.130 web web.shop.karst.internal\n"
        "10.9.0.131 api api.shop.karst.internal\n"
    )
    assert [c["name"] for c in read(files, "cds.json")] == ["app", "to-api"]


def test_ports_may_be_others(authority: LocalAuthority) -> None:
    ports = MeshPorts(inbound=16000, outbound=16001, admin=9000, grpc=6000)
    member = Member(8000, "http", "10.9.0.131", (), ports)
    found = listeners(files_of(authority, "api", mesh(api=member)))
    assert found["inbound"]["address"]["socket_address"]["port_value"] == 16000
    assert found["outbound"]["address"]["socket_address"]["port_value"] == 16001
    assert set(chains(found["inbound"])) == {"port-6000", "port-9000", "port-8000"}


def test_only_the_file_with_the_key_holds_it_and_is_private(
    authority: LocalAuthority,
) -> None:
    files = files_of(authority, "web", mesh()).files
    assert {n for n, f in files.items() if b"PRIVATE KEY" in f.content} == {
        n for n, f in files.items() if f.private
    }


def test_few_files_are_watched(authority: LocalAuthority) -> None:
    """Each costs an inotify instance; a uid has 128 for all sidecars of a host."""
    files = files_of(authority, "api", mesh()).files
    watched = {
        n for n in files if n.startswith("sds-") or n in ("lds.json", "cds.json")
    }
    assert len(watched) == 5
    text = b"".join(f.content for f in files.values())
    assert b"eds_config" not in text
    assert b'"filename"' not in text


def test_nobody_allowed_is_not_everybody(authority: LocalAuthority) -> None:
    from karst.mesh.envoy import trust_secret

    (secret,) = trust_secret("callers", "PEM", ())["resources"]
    context = secret["validation_context"]
    assert context["match_typed_subject_alt_names"] == [
        {"san_type": "URI", "matcher": {"exact": "spiffe://nobody.invalid/"}}
    ]


def test_a_door_calls_over_mtls_and_has_its_own_identity(
    authority: LocalAuthority,
) -> None:
    door = mesh().doors["web"]
    leaf = authority.issue(door.identity, now=NOW, lifetime=timedelta(1))
    files = render_door(
        door, leaf, authority.bundle_pem, BOOTSTRAP, certificate=(b"chain", b"key")
    )
    assert door.identity.uri == "spiffe://karst.internal/shop/karst-door-web"
    (listener,) = read(files, "lds.json")
    assert listener["address"]["socket_address"]["port_value"] == 15080
    (cluster,) = read(files, "cds.json")
    assert cluster["name"] == "to-web"
    assert "transport_socket" in cluster
    assert files.files["sds-door.json"].private


def test_a_set_goes_over_with_its_manifest_last(authority: LocalAuthority) -> None:
    files = files_of(authority, "web", mesh())
    entries = set_files(files, 7)
    assert entries[-1].path == f"incoming/{files.version}/manifest.json"
    manifest = json.loads(entries[-1].content)
    assert (manifest["version"], manifest["sequence"]) == (files.version, 7)
    assert set(manifest["files"]) == set(files.files)
    by_name = {e.path.rsplit("/", 1)[-1]: e for e in entries}
    key, listener = by_name["sds-identity.json"], by_name["lds.json"]
    assert (key.uid, key.gid, oct(key.mode)) == (1337, 0, "0o440")
    assert (listener.uid, oct(listener.mode)) == (0, "0o644")
    assert "PRIVATE" not in repr(entries)


def test_secrets_are_files_named_as_they_are() -> None:
    (entry,) = secret_files({"TOKEN": Secret("s3cret")})
    assert (entry.path, entry.content, oct(entry.mode)) == ("TOKEN", b"s3cret", "0o444")
    assert "s3cret" not in repr(entry)


def test_the_committed_bootstrap_is_filled_whole() -> None:
    template = Path(__file__).parents[2] / "infra/templates/envoy.yaml.tmpl"
    text = Template(template.read_text()).substitute(service="api")
    assert "${" not in text
    assert "mode: 384" in text  # 0600: the admin socket is Envoy's alone

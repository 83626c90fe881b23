"""Apps, jobs, accounts: who asks, and what each may."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from karst.errors import FetchError
from karst.fetch.remote import ArchiveUnavailableError, Forge
from karst.forges.access import GitHubApp
from karst.forges.listed_tree import ListedEntry, listed_tree_id
from karst.forges.open import open_forge
from karst.secret import Secret
from tests.fakes.exchange import Reply
from tests.fakes.github.apps import Apps
from tests.fakes.world import TOKEN, World

MIB = 1024 * 1024
_PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    no_password = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(_PEM, form, no_password).decode()


def app_forge(world: World, pem: str, token: str | None = None) -> Forge:
    access = world.access(token, app=GitHubApp("7", Secret(pem)))
    forge = open_forge("gh", access, world.options(now=time.time))
    world.opened.append(forge)
    return forge


def install(world: World, key: rsa.RSAPrivateKey, *covered: str) -> Apps:
    apps: Apps = world.fake.memory(Apps)
    public = key.public_key().public_bytes(
        _PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    apps.keys["7"] = public.decode()
    apps.installations[41] = ("7", frozenset(covered))
    return apps


@pytest.mark.processes
def test_an_app_reads_what_it_is_installed_on_by_one_token_for_all(
    github_world: World, key: rsa.RSAPrivateKey
) -> None:
    world = github_world
    paths = [f"acme/secret-{n}" for n in range(4)]
    commits = {
        path: world.fake.add(path, world.folder / str(n), private=True).commit(
            {"a": path}
        )
        for n, path in enumerate(paths)
    }
    apps = install(world, key, *paths)
    forge = app_forge(world, private_pem(key))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda p: forge.find_commit(p, "main").commit, paths))
    assert found == list(commits.values())
    assert apps.given == 1
    archive = world.folder / "a"
    forge.download_archive(paths[0], found[0], archive, limit=MIB)
    password = forge.clone_access(paths[0]).password
    assert password is not None
    assert password.reveal() == "ghs_41x1"


@pytest.mark.processes
def test_where_the_app_is_not_installed_the_token_counts(
    github_world: World, key: rsa.RSAPrivateKey
) -> None:
    world = github_world
    install(world, key)
    world.fake.add("acme/secret", world.folder / "s", private=True).commit({"a": "1"})
    assert app_forge(world, private_pem(key)).find_commit(world.path, "main")
    with pytest.raises(FetchError, match="the token may not see it"):
        app_forge(world, private_pem(key)).find_commit("acme/secret", "main")
    assert app_forge(world, private_pem(key), TOKEN).find_commit("acme/secret", "main")


@pytest.mark.processes
def test_an_app_s_token_is_renewed_before_it_ends(
    github_world: World, key: rsa.RSAPrivateKey
) -> None:
    world = github_world
    apps = install(world, key, world.path)
    apps.lifetime = timedelta(minutes=5)
    forge = app_forge(world, private_pem(key))
    for _ in range(2):
        forge.find_commit(world.path, "main")
    assert apps.given > 2


@pytest.mark.processes
def test_a_breakdown_is_outlasted_by_who_wants_an_app_s_token(
    github_world: World, key: rsa.RSAPrivateKey
) -> None:
    world = github_world
    install(world, key, world.path)
    world.fake.fail(502, path="access_tokens", times=3)
    assert app_forge(world, private_pem(key)).find_commit(world.path, "main")


@pytest.mark.processes
@pytest.mark.parametrize(
    "pem",
    ["no key", "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----"],
)
def test_a_key_that_is_none_is_a_sentence_without_the_key(
    github_world: World, pem: str
) -> None:
    with pytest.raises(FetchError) as told:
        app_forge(github_world, pem).find_commit("acme/web", "main")
    assert str(told.value).startswith(
        "GITHUB_APP_PRIVATE_KEY: the GitHub App's private key can't be used"
    )
    assert "PRIVATE KEY-----" not in str(told.value)
    assert told.value.__context__ is None


@pytest.mark.processes
def test_a_key_of_another_app_is_refused_in_words(
    github_world: World, key: rsa.RSAPrivateKey
) -> None:
    with pytest.raises(FetchError, match=r"GitHub App 7: .* does not accept the token"):
        app_forge(github_world, private_pem(key)).find_commit("acme/web", "main")


def job_forge(world: World) -> Forge:
    world.fake.job_tokens.add(TOKEN)
    forge = open_forge("gl", world.access(scheme="job"), world.options())
    world.opened.append(forge)
    return forge


@pytest.mark.processes
def test_a_job_resolves_what_its_token_may_and_clones_the_rest(
    gitlab_world: World,
) -> None:
    world = gitlab_world
    head = world.repository.git("rev-parse", "HEAD")
    forge = job_forge(world)
    found = forge.find_commit(world.path, "main")
    assert (found.commit, found.tree, found.ref) == (head, None, "main")
    assert forge.find_commit(world.path, None).ref == "HEAD"
    assert forge.compare(world.path, head, head).ahead is None
    with pytest.raises(ArchiveUnavailableError):
        forge.download_archive(world.path, head, world.folder / "a", limit=MIB)
    access = forge.clone_access(world.path)
    assert (access.username, access.password) == ("gitlab-ci-token", Secret(TOKEN))
    shown = {request.headers.get("job-token") for request in world.fake.seen}
    assert shown == {TOKEN}
    assert not any("authorization" in r.headers for r in world.fake.seen)


@pytest.mark.processes
def test_a_subgroup_is_part_of_the_path(gitlab_world: World) -> None:
    world, path = gitlab_world, "acme/platform/tools/api"
    commit = world.fake.add(path, world.folder / "s").commit({"a": "1"})
    found = world.forge().find_commit(path, "main")
    assert (found.repository, found.commit) == (path, commit)


@pytest.mark.processes
def test_bitbucket_s_two_kinds_of_token_have_their_own_users(
    bitbucket_world: World,
) -> None:
    world = bitbucket_world
    account = open_forge(
        "bb", world.access(scheme="basic", email="ada@example.test"), world.options()
    )
    world.opened.append(account)
    account.find_commit(world.path, None)
    assert world.fake.seen[-1].headers["authorization"].startswith("Basic ")
    assert account.clone_access(world.path).username == "x-bitbucket-api-token-auth"
    assert world.forge().clone_access(world.path).username == "x-token-auth"


@pytest.mark.processes
@pytest.mark.parametrize("main", [None, {"type": "branch", "name": "gone"}])
def test_bitbucket_s_main_branch_may_be_missing(
    bitbucket_world: World, main: object
) -> None:
    world = bitbucket_world

    def spoil(reply: Reply) -> Reply:
        document = {**json.loads(reply.content()), "mainbranch": main}
        return Reply(200, document)

    world.fake.fail(path="?fields=full_name", change=spoil)
    with pytest.raises(FetchError, match="the repository is empty"):
        world.forge().find_commit(world.path, None)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [ListedEntry("100644", "bad\ufffdname", "0" * 40)],
        [ListedEntry("100644", "a", "0" * 64)],
        [ListedEntry("33188", "a", "0" * 40)],
        [ListedEntry("100644", "", "0" * 40)],
    ],
)
def test_a_listing_that_does_not_tell_the_tree_gives_none(
    entries: list[ListedEntry],
) -> None:
    assert listed_tree_id(entries) is None

"""What was reviewed is what is applied: a real engine, a GitHub over real HTTP.

At the level of the pipeline's functions: plan on a request, seal its comment, merge,
plan on the branch with the receipts, apply.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import LiveStack, MakeStack, docker
from sample_apps import echo

from karst.cli.wiring import Workbench, open_workbench
from karst.config.spec import StackSpec
from karst.errors import UnreviewedError
from karst.fetch.lock import RepoLock
from karst.forges.access import ForgeAccess
from karst.forges.github_requests import GitHubRequests
from karst.forges.http_options import HttpOptions
from karst.forges.publishing import CommentHeader
from karst.pipeline.applying import ApplyOutcome, apply
from karst.pipeline.collecting import collect
from karst.pipeline.planning import plan
from karst.pipeline.receipts import Occasion, choose_pins, make_receipt
from karst.pipeline.reviewing import Review, refuse_unreviewed, review
from karst.report.sealed import open_sealed, seal, unseal
from karst.secret import Secret
from karst.terraform import Applied
from karst.terraform.receipt import Receipt
from karst.terraform.receipt_signing import KeySigner, KeyVerifier, parse_keys
from tests.fakes.desk import Desk
from tests.fakes.github import FakeGitHub, User

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOKEN = "ghs_canary0123456789canary"
BOT = User("github-actions[bot]", 41898282, "Bot")
ADA = User("ada", 2)
KEYS = parse_keys(Secret("k" * 40))
FOREIGN = parse_keys(Secret("f" * 40))
REPOSITORY = "acme/shop"


@dataclass
class Shop:
    """A repository with a repos.yaml at the fake forge, deployed on the engine."""

    stack: LiveStack
    desk: Desk
    apps: dict[str, Any]
    clock: int = 0

    @property
    def header(self) -> CommentHeader:
        return CommentHeader(self.stack.name)

    @property
    def publisher(self) -> GitHubRequests:
        forge = self.desk.forge
        access = ForgeAccess("gh", forge.api, forge.url, Secret(TOKEN))
        return GitHubRequests(access, HttpOptions(), REPOSITORY, "main")

    def text(self, **values: str | None) -> dict[str, str]:
        """repos.yaml with each service's VALUE; None leaves a service out."""
        services = [
            {"slug": f"gh:acme/{name}", "name": name, "env": {"VALUE": value}}
            for name, value in values.items()
            if value is not None
        ]
        mesh = {"network": self.stack.network, "subnet": self.stack.subnet}
        document = {"name": self.stack.name, "services": services, "mesh": mesh}
        return {"repos.yaml": yaml.safe_dump(document, sort_keys=False)}

    def bench(self, ref: str) -> Workbench:
        """What a job has that checked out `ref`."""
        text = self.desk.git.git("show", f"{ref}:repos.yaml")
        file = self.stack.folder / "repos.yaml"
        file.write_text(text + "\n")
        return open_workbench(file)

    def spec(self, ref: str) -> StackSpec:
        return self.bench(ref).spec

    def open(self, branch: str, **values: str | None) -> int:
        return self.desk.open(branch, self.text(**values), author=ADA)

    def plan_request(
        self, number: int, *, key: int = 0, foreign: bool = False
    ) -> Receipt:
        """The request's job: plan, and write the comment."""
        self.clock += 1
        before = self.spec("main")
        bench = self.bench(self.desk.head(number))
        with bench.tools.alone():
            planned = plan(bench.tools, bench.spec, bench.settings)
        occasion = Occasion(
            REPOSITORY,
            "",
            "",
            number,
            self.desk.head(number),
            planned=self.clock,
            before=before,
        )
        receipt = make_receipt(planned, occasion)
        signer = KeySigner((FOREIGN if foreign else KEYS)[key])
        text = seal("### what people read", self.header, receipt, signer)
        self.publisher.upsert_comment(number, self.header, text, "update")
        return receipt

    def applied(self) -> Applied:
        session = self.bench("main").tools.session
        session.prepare()
        return session.applied()

    def apply(self) -> tuple[Review, ApplyOutcome]:
        """The branch's job; raises UnreviewedError before anything changed."""
        bench = self.bench("main")
        tools, until = bench.tools, self.desk.git.resolve("main") or ""
        with tools.alone():
            tools.session.prepare()
            applied = tools.session.applied()
            requests = collect(
                self.publisher,
                self.header,
                KeyVerifier(KEYS),
                REPOSITORY,
                applied=applied,
                until=until,
            )
            receipts = [r.receipt for r in requests if r.receipt]
            pins = choose_pins(bench.spec, RepoLock(), receipts, applied)
            planned = plan(tools, bench.spec, bench.settings, pins)
            found = review(planned, requests)
            refuse_unreviewed(found, "fail")
            outcome = apply(tools, planned)
            if outcome.well:
                tools.session.record(outcome.stack, until)
        return found, outcome

    def is_settled(self) -> bool:
        """A plan of what runs is empty (promise 1)."""
        bench = self.bench("main")
        with bench.tools.alone():
            applied = self.applied()
            pins = choose_pins(bench.spec, RepoLock(), [], applied)
            return plan(bench.tools, bench.spec, bench.settings, pins).plan.empty

    def running(self) -> dict[str, str]:
        """Service => VALUE, as its container has it."""
        found = {}
        for container in self.stack.containers("app"):
            environ = dict(e.split("=", 1) for e in container["Config"]["Env"])
            found[container["Config"]["Labels"]["karst.service"]] = environ["VALUE"]
        return found

    def ids(self) -> Mapping[str, str]:
        return {c["Name"]: c["Id"] for c in self.stack.containers()}

    def settle(self, **values: str | None) -> None:
        """Have these running, by a request of their own where they do not."""
        if self.running() == {n: v for n, v in values.items() if v}:
            return
        number = self.open(f"settle-{self.clock}", **values)
        self.plan_request(number)
        self.desk.merge(number, "squash")
        assert self.apply()[1].well


@pytest.fixture(scope="module")
def shop(
    make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("forge")
    with (
        FakeGitHub(tokens={TOKEN: BOT}) as forge,
        pytest.MonkeyPatch.context() as patch,
    ):
        apps = {
            name: forge.add(f"acme/{name}", folder / name) for name in ("web", "api")
        }
        for name, git in apps.items():
            git.commit({"main.py": echo(name)})
        git = forge.add(REPOSITORY, folder / "shop")
        stack = make_stack()
        patch.setenv("GITHUB_API_URL", forge.api)
        patch.setenv("GITHUB_TOKEN", TOKEN)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        found = Shop(stack, Desk(forge, REPOSITORY), apps)
        git.commit(found.text(web="1", api="1"))
        found.settle(web="1", api="2")
        yield found
        assert forge.violations == []


def test_what_a_comment_showed_is_what_runs(shop: Shop) -> None:
    shop.settle(web="1", api="2")
    number = shop.open("reviewed", web="1", api="3")
    receipt = shop.plan_request(number)
    assert set(receipt.services) == {"api"}
    # Both branches move between review and merge.
    before = shop.apps["api"].resolve("main")
    for git in shop.apps.values():
        git.commit({"more.txt": "moved on"})
    merged = shop.desk.merge(number)
    kept = {n: i for n, i in shop.ids().items() if "-web-" in n}
    found, outcome = shop.apply()
    assert [(s.service, s.verdict, s.request) for s in found.services] == [
        ("api", "reviewed", number)
    ]
    assert outcome.well
    assert shop.running() == {"web": "1", "api": "3"}
    applied = shop.applied()
    assert applied.commit == merged
    (api,) = applied.releases_of("api")
    assert (api.revision, receipt.pins.entries[0].commit) == (before, before)
    # The neighbour was not touched, though its branch has moved.
    assert kept.items() <= shop.ids().items()
    assert shop.is_settled()
    # The same job once more finds nothing to do, and nothing to review.
    again, _ = shop.apply()
    assert again.services == ()


def test_several_merges_and_a_dropped_job(shop: Shop) -> None:
    shop.settle(web="1", api="3")
    first = shop.open("first", web="1", api="4")
    second = shop.open("second", web="2", api="3")
    for number in (first, second):
        shop.plan_request(number)
    shop.desk.merge(first)
    # No apply: its job was dropped. The second is brought up to date and planned
    # again, while the state still lags behind.
    shop.desk.git.switch("second")
    shop.desk.git.git("merge", "-q", "-X", "theirs", "main")
    shop.desk.git.switch("main")
    shop.desk.push("second", shop.text(web="2", api="4"))
    shop.plan_request(second)
    shop.desk.merge(second)
    found, outcome = shop.apply()
    assert {s.service: s.verdict for s in found.services} == {
        "api": "reviewed",
        "web": "reviewed",
    }
    assert outcome.well
    assert shop.running() == {"web": "2", "api": "4"}


def refused(shop: Shop) -> str:
    """Apply, which must refuse and change nothing; returns what it says."""
    before, commit = shop.ids(), shop.applied().commit
    with pytest.raises(UnreviewedError) as caught:
        shop.apply()
    assert shop.ids() == before
    assert shop.applied().commit == commit
    return str(caught.value)


def test_an_edited_comment_is_refused_until_it_is_planned_again(shop: Shop) -> None:
    shop.settle(web="2", api="4")
    number = shop.open("edited", web="2", api="5")
    shop.plan_request(number)
    (comment,) = shop.desk.comments(number)
    comment.body = comment.body.replace("people", "People")
    shop.desk.merge(number)
    said = refused(shop)
    assert "api: no receipt names its release" in said
    assert f"#{number}: the comment was edited" in said
    # A maintainer's `/karst plan` on the merged request.
    shop.plan_request(number)
    assert shop.apply()[1].well
    assert shop.running()["api"] == "5"


def test_a_foreign_signature_is_refused(shop: Shop) -> None:
    shop.settle(web="2", api="5")
    number = shop.open("foreign", web="2", api="6")
    shop.plan_request(number, foreign=True)
    shop.desk.merge(number)
    assert "it is signed by another key" in refused(shop)
    shop.plan_request(number)
    shop.apply()


def test_a_changed_service_is_refused_by_name(shop: Shop) -> None:
    shop.settle(web="2", api="6")
    number = shop.open("changed", web="2", api="7")
    shop.plan_request(number)
    shop.desk.merge(number)
    shop.desk.git.commit(shop.text(web="2", api="8"), "straight to main")
    said = refused(shop)
    assert f"api: #{number} showed something else: it differs in env" in said
    shop.desk.git.commit(shop.text(web="2", api="7"), "and back")
    assert shop.apply()[1].well


def test_a_removal_is_reviewed_as_none(shop: Shop) -> None:
    shop.settle(web="2", api="7")
    number = shop.open("removal", web="2", api=None)
    receipt = shop.plan_request(number)
    assert receipt.services["api"]["release"].digest == "none"
    shop.desk.merge(number)
    assert shop.apply()[1].well
    assert shop.running() == {"web": "2"}
    assert shop.is_settled()


def test_no_secret_and_no_token_is_in_any_comment(shop: Shop) -> None:
    for comment in shop.desk.shelf.comments.values():
        sealed = open_sealed(comment.body)
        assert sealed
        unsealed = unseal(sealed, KeyVerifier(KEYS)) if sealed.signed else None
        whole = comment.body + json.dumps(unsealed, default=str)
        assert TOKEN not in whole
        assert KEYS[0].secret.reveal() not in whole
    assert docker("ps", "-q", f"--filter=label=karst.stack={shop.stack.name}")

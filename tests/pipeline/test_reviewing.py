"""Whether an apply is what was reviewed: the table, then every order of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_world import (
    HEADER,
    KEYS,
    REPOSITORY,
    VERIFIER,
    World,
    changes,
    commit_id,
    planned_with,
    resource,
    service,
    spec,
)

import karst
from karst.config.spec import MeshSpec, PublishSpec, StackSpec
from karst.errors import StalePlanError, UnreviewedError
from karst.fetch.lock import LockEntry, RepoLock
from karst.forges.publishing import (
    Comment,
    CommentHeader,
    MergedRequest,
    PublishFailure,
)
from karst.pipeline.collecting import collect, read_reviewed
from karst.pipeline.receipts import (
    Occasion,
    choose_pins,
    make_limited_receipt,
    make_receipt,
)
from karst.pipeline.reviewing import (
    Review,
    refuse_unreviewed,
    review,
)
from karst.report.sealed import seal
from karst.secret import Secret
from karst.terraform import Applied
from karst.terraform.receipt import NETWORK
from karst.terraform.receipt_signing import KeySigner, parse_keys

WEB, API, DB = service("web"), service("api"), service("db")
BASE = spec(WEB, API, DB)


def deployed(main: StackSpec = BASE) -> World:
    world = World(main)
    request = world.open(main)
    world.merge(request)
    assert world.apply().well
    return world


def verdicts(found: Review) -> dict[str, str]:
    return {s.service: s.verdict for s in found.services}


def why(found: Review) -> dict[str, str]:
    return {s.service: s.why for s in found.unreviewed}


def changed(name: str, value: str, main: StackSpec = BASE) -> StackSpec:
    return replace(
        main,
        services=tuple(
            replace(s, env={"VALUE": value}) if s.name == name else s
            for s in main.services
        ),
    )


# --- reviewed ---


def test_the_first_apply_is_what_the_first_request_showed() -> None:
    world = World(BASE)
    world.merge(world.open(BASE))
    found = world.apply()
    assert verdicts(found) == dict.fromkeys(("web", "api", "db", NETWORK), "reviewed")
    _, again = world.look()
    assert again == Review(())


def test_a_change_is_what_its_request_showed() -> None:
    world = deployed()
    request = world.open(changed("api", "2"))
    world.merge(request)
    found = world.apply()
    assert verdicts(found) == {"api": "reviewed"}
    assert found.services[0].request == request.request.number


def test_what_nobody_changed_needs_no_receipt() -> None:
    world = deployed()
    world.merge(world.open(BASE, sign=False))
    assert world.apply().well


def test_a_removal_is_reviewed_as_none() -> None:
    world = deployed()
    world.merge(world.open(spec(WEB, API)))
    found = world.apply()
    assert verdicts(found)["db"] == "reviewed"
    assert "db" not in {r.service for r in world.state.services.values()}


def test_a_neighbour_that_was_merged_meanwhile_voids_nobody() -> None:
    world = deployed()
    first = world.open(changed("api", "2"))
    second = world.open(changed("web", "2"))
    world.merge(second)
    assert world.apply().well
    world.merge(first, changed("api", "2", changed("web", "2")))
    assert world.apply().well


def test_a_newcomer_opens_edges_that_void_nobody() -> None:
    """Under `default: allow` everybody may call the newcomer: everybody's edges."""
    world = deployed()
    first = world.open(changed("api", "2"))
    second = world.open(spec(*BASE.services, service("new")))
    third = world.open(spec(*BASE.services, service("newer")))
    for request in (third, first, second):
        world.merge(request)
    world.main = spec(
        WEB, changed("api", "2").service("api"), DB, service("newer"), service("new")
    )
    assert why(world.apply()) == {}


def test_two_newcomers_that_were_planned_without_each_other_void_nobody() -> None:
    """The first may call the second once both are there: the second's receipt shows it."""
    world = deployed()
    first = world.open(with_change(world.main, "search", "1"))
    second = world.open(with_change(world.main, "mail", "1"))
    world.merge(first)
    assert why(world.apply()) == {}
    world.merge(second, with_change(world.main, "mail", "1"))
    assert why(world.apply()) == {}
    assert set(running(world)) >= {"search", "mail"}


def test_a_dropped_job_does_no_harm() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    # Its job never ran. The next request is planned while the state lags behind.
    world.merge(world.open(changed("web", "2", world.main)))
    found = world.apply()
    assert verdicts(found) == {"api": "reviewed", "web": "reviewed"}


def test_a_stale_plan_that_names_a_lagging_service_voids_nobody() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    third = world.open(changed("api", "3", world.main))
    # Planned after the third, and it has seen api at 2, not applied.
    stale = world.open(changed("web", "2", world.main))
    world.merge(third)
    world.merge(stale, changed("web", "2", changed("api", "3")))
    assert why(world.apply()) == {}


def test_a_newer_plan_of_a_neighbour_shows_what_came_in_without_a_receipt() -> None:
    """Its reviewers saw that service's change, too; and the commit is that plan's."""
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    world.merge(world.open(changed("api", "3", world.main), sign=False))
    world.refs[str(API.slug)] = "moved on"
    neighbour = world.open(changed("web", "2", world.main))
    world.merge(neighbour)
    world.refs[str(API.slug)] = "moved on again"
    planned, found = world.look()
    assert why(found) == {}
    (api,) = (e for e in planned.lock.entries if e.service == "api")
    assert api.commit == commit_id("moved on")


def test_a_plan_of_what_somebody_altered_says_nothing_of_it() -> None:
    """It is put back to what was applied, and may be another request's to change."""
    world = deployed()
    planned = world.plan(changed("web", "2"))
    stack = planned.plan.stack
    (key,) = (k for k in stack.services if k.startswith("api@"))
    entries = changes(world.state, stack)
    entries.append(resource("docker_container", "app", key, "create"))
    drifted = planned_with(planned, entries, stack)
    occasion = Occasion(REPOSITORY, "", "", 7, "c" * 40)
    assert set(make_receipt(drifted, occasion).services) == {"web"}


def test_where_nobody_knows_the_last_commit_the_last_request_alone_counts() -> None:
    """An old receipt could lead back to what was replaced long ago."""
    old, last = (
        MergedRequest(n, commit_id(f"head {n}"), commit_id(f"merge {n}"))
        for n in (1, 2)
    )

    class History:
        """What of a forge is asked."""

        def merged_requests(
            self, since: str | None, _: str
        ) -> tuple[MergedRequest, ...]:
            if since == "gone":
                raise PublishFailure("no such commit", why="missing")
            if since == "newer":
                raise PublishFailure("it comes after", why="behind")
            if since == "broken":
                raise PublishFailure("it is down", why="unavailable")
            return (last,) if since == "known" else (old, last)

        def own_comments(self, _: int) -> tuple[Comment, ...]:
            return ()

    def numbers(applied: Applied) -> list[int]:
        found = collect(
            History(),  # type: ignore[arg-type]
            HEADER,
            VERIFIER,
            REPOSITORY,
            applied=applied,
            until=last.commit,
        )
        return [r.request.number for r in found]

    running = deployed().state
    assert numbers(replace(running, commit="known")) == [2]
    assert numbers(replace(running, commit="")) == [2]
    assert numbers(replace(running, commit="gone")) == [2]
    assert numbers(Applied()) == [1, 2]
    assert numbers(Applied(commit="gone")) == [1, 2]
    with pytest.raises(PublishFailure, match="it is down"):
        numbers(replace(running, commit="broken"))
    # An old job that was started again: it must not lead back.
    with pytest.raises(StalePlanError, match="newer was applied already"):
        numbers(replace(running, commit="newer"))


def test_the_newest_that_changes_a_service_decides() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    world.merge(world.open(changed("api", "3")))
    assert world.look()[1].well
    # Somebody put the second value back without a request.
    world.main = changed("api", "2")
    assert why(world.look()[1]) == {
        "api": "#3 showed something else: it differs in env"
    }


def test_a_half_failed_apply_can_be_run_again() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2", changed("web", "2"))))
    assert world.apply(only=frozenset({"web"})).well
    found = world.apply()
    assert verdicts(found) == {"api": "reviewed"}
    assert world.look()[1] == Review(())


def test_what_somebody_altered_is_put_back_without_a_receipt() -> None:
    world = deployed()
    planned = world.plan(world.main)
    stack = planned.plan.stack
    (key,) = (k for k in stack.services if k.startswith("api@"))
    drifted = planned_with(
        planned, [resource("docker_container", "app", key, "create")], stack
    )
    assert verdicts(review(drifted, [])) == {"api": "restored"}


def test_a_later_plan_of_a_merged_request_mends_a_refusal() -> None:
    """A maintainer's `/karst plan`, after the request was merged without a receipt."""
    world = deployed()
    request = world.open(changed("api", "2"), sign=False)
    world.merge(request)
    assert not world.look()[1].well
    request.comments.append(world.comment(request))
    assert world.apply().well


def test_a_request_changes_a_service_by_its_text_or_its_line_in_the_lock() -> None:
    def changes_of(after: StackSpec, *commits: str) -> set[str]:
        old, new = (lock_of(BASE, commit) for commit in commits)
        occasion = Occasion(REPOSITORY, "", "", 7, "c", before=BASE, locks=(old, new))
        names = ("web", "api", "db", "new", NETWORK)
        return {n for n in names if occasion.changes(after, n)}

    one, two = "ab" * 20, "cd" * 20
    assert changes_of(BASE, one, one) == set()
    assert changes_of(BASE, one, two) == {"web", "api", "db"}
    assert changes_of(changed("api", "2"), one, one) == {"api"}
    assert changes_of(spec(WEB, API), one, one) == {"db"}
    assert changes_of(spec(*BASE.services, service("new")), one, one) == {"new"}
    other = replace(BASE, mesh=MeshSpec(network="other"))
    assert changes_of(other, one, one) == {"web", "api", "db", NETWORK}


# --- pins ---


def test_the_plan_on_the_branch_has_the_receipts_commits() -> None:
    """api's branch moved after the review: what was reviewed is applied."""
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    shown = world.look()[0].lock.entries
    world.refs[str(API.slug)] = "moved on"
    planned, found = world.look()
    assert found.well
    assert planned.lock.entries == shown


def test_who_is_not_named_stays_at_what_it_runs_on() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    world.refs[str(WEB.slug)] = "moved on"
    assert verdicts(world.apply()) == {"api": "reviewed"}


def test_a_branch_that_moved_is_planned_by_the_next_request() -> None:
    """It shows in whoever's plan comes next, and is applied as that one showed it."""
    world = deployed()
    world.refs[str(WEB.slug)] = "moved on"
    request = world.open(changed("api", "2"))
    world.merge(request)
    world.refs[str(WEB.slug)] = "moved on again"
    planned, found = world.look()
    assert verdicts(found) == {"api": "reviewed", "web": "reviewed"}
    (web,) = (e for e in planned.lock.entries if e.service == "web")
    (shown,) = (
        e
        for r in world.reviewed()
        if r.receipt
        for e in r.receipt.pins.entries
        if e.service == "web"
    )
    assert web.commit == shown.commit


def test_repos_lock_goes_before_receipts() -> None:
    """It was merged with the rest: what it says on the branch is what is wanted."""
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    receipts = [r.receipt for r in world.reviewed() if r.receipt]
    locked = LockEntry("api", API.slug, commit="ab" * 20, tree="cd" * 20)
    pins = choose_pins(world.main, RepoLock.of([locked]), receipts, world.state)
    assert pins.find(world.main.service("api")) == locked
    planned = world.plan(world.main, pins)
    assert "api" in why(review(planned, world.reviewed()))


def test_a_slug_that_was_changed_is_not_held_by_what_ran() -> None:
    world = deployed()
    assert API.slug
    other = replace(API, slug=replace(API.slug, ref="v2"))
    world.main = spec(WEB, other, DB)
    pins = choose_pins(world.main, RepoLock(), [], world.state)
    assert pins.find(other) is None
    assert pins.find(WEB) is not None


# --- unreviewed ---


def merged_with(change: Callable[[str], str]) -> tuple[World, Review]:
    """A request whose comment somebody changed, merged."""
    world = deployed()
    request = world.open(changed("api", "2"))
    (comment,) = request.comments
    request.comments[0] = replace(comment, text=change(comment.text))
    world.merge(request)
    return world, world.look()[1]


def test_without_a_receipt_nothing_is_reviewed() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2"), sign=False))
    found = world.apply()
    assert why(found) == {"api": "no receipt names its release"}
    assert found.voids == ("#2: there is no receipt",)


def test_an_edited_comment_is_void() -> None:
    _, found = merged_with(lambda text: text.replace("people", "PEOPLE"))
    assert why(found) == {"api": "no receipt names its release"}
    assert found.voids == ("#2: the comment was edited",)


def test_a_foreign_signature_is_void() -> None:
    world = deployed()
    request = world.open(changed("api", "2"))
    (receipt,) = (
        r.receipt
        for r in [
            read_reviewed(
                request.request, request.comments, HEADER, VERIFIER, REPOSITORY
            )
        ]
    )
    foreign = KeySigner(parse_keys(Secret("f" * 32))[0])
    request.comments[0] = Comment(1, "", seal("x", HEADER, receipt, foreign))
    world.merge(request)
    found = world.apply()
    assert "api" in why(found)
    assert found.voids[0].startswith("#2: it is signed by another key")


@pytest.mark.parametrize(
    ("occasion", "said"),
    [
        ({"repository": "mallory/shop"}, "the receipt is another repository's"),
        ({"request": 99}, "the receipt is request #99's"),
        ({"head": "e" * 40}, "the receipt is for commit eeeeeeeeeeee, and"),
        ({"label": "eu"}, "the receipt belongs to another stack's comment"),
        ({"target": "tcp://x"}, "the receipt belongs to another stack's comment"),
    ],
)
def test_a_receipt_of_something_else_is_void(
    occasion: dict[str, object], said: str
) -> None:
    world = deployed()
    request = world.open(changed("api", "2"), sign=False)
    request.comments.append(world.comment(request, **occasion))
    world.merge(request)
    found = world.apply()
    assert not found.well
    assert found.voids[0].startswith(f"#2: {said}")


def test_another_stack_s_comment_on_the_same_request_is_not_asked() -> None:
    world = deployed()
    request = world.open(changed("api", "2"))
    other = seal("other", CommentHeader("other"))
    request.comments[:] = [
        Comment(8, "", "talk"),
        *request.comments,
        Comment(9, "", other),
    ]
    world.merge(request)
    assert world.apply().well


def test_the_newest_comment_that_counts_is_taken() -> None:
    world = deployed()
    request = world.open(changed("api", "2"))
    edited = replace(
        request.comments[0], text=request.comments[0].text.replace("what", "")
    )
    request.comments.append(edited)
    world.merge(request)
    (found,) = world.reviewed()
    assert found.receipt
    assert found.voids == ("the comment was edited",)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            lambda api: replace(api, env={"VALUE": "3"}),
            "#2 showed something else: it differs in env",
        ),
        (
            lambda api: replace(api, env={"VALUE": "2"}, secrets=("KEY",), user="5"),
            "#2 showed something else: it differs in secrets, user",
        ),
        (
            lambda api: replace(api, env={"VALUE": "2"}, port=9000),
            "#2 showed something else: it differs in agent, env",
        ),
        (
            lambda api: replace(
                api, env={"VALUE": "2"}, publish=PublishSpec("127.0.0.1", 80)
            ),
            "no receipt names its published port",
        ),
        (
            lambda api: replace(api, env={"VALUE": "2"}, calls=("db",)),
            "no receipt names its edges",
        ),
    ],
)
def test_a_changed_service_is_refused_by_name_with_what_differs(
    now: Callable[[object], object], said: str
) -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    world.main = spec(WEB, now(API), DB)  # type: ignore[arg-type]
    assert why(world.apply()) == {"api": said}


def test_how_a_door_speaks_to_browsers_is_part_of_it() -> None:
    def published(tls: str | None) -> StackSpec:
        publish = PublishSpec("127.0.0.1", 8443, tls=tls)  # type: ignore[arg-type]
        return spec(replace(WEB, publish=publish), API, DB)

    world = deployed()
    world.merge(world.open(published("karst")))
    assert world.look()[1].well
    world.main = published(None)
    assert why(world.apply()) == {
        "web": "#2 showed something else: it differs in release"
    }


def test_a_removal_that_nobody_saw_is_refused() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    world.main = spec(WEB, DB)
    found = why(world.apply())
    assert found["api"] == "#2 did not show its removal"


def test_a_removal_that_did_not_happen_is_refused() -> None:
    world = deployed()
    world.merge(world.open(spec(WEB, API)))
    world.main = changed("db", "2")
    assert why(world.apply())["db"] == "#2 showed that its release goes"


def test_edges_that_were_opened_without_review_are_refused() -> None:
    deny = MeshSpec(default="deny")
    closed = spec(replace(WEB, calls=("api",)), API, DB, mesh=deny)
    world = deployed(closed)
    world.merge(
        world.open(
            spec(
                replace(WEB, calls=("api",)), replace(API, calls=("db",)), DB, mesh=deny
            )
        )
    )
    world.main = spec(
        replace(WEB, calls=("api", "db")), replace(API, calls=("db",)), DB, mesh=deny
    )
    assert why(world.apply()) == {"web": "no receipt names its edges"}


def test_a_default_that_opens_everything_is_not_what_a_list_was() -> None:
    """web may call all two of them by name: that is not "whoever comes"."""
    deny = MeshSpec(default="deny")
    world = deployed(spec(WEB, API, mesh=deny))
    world.merge(world.open(spec(replace(WEB, calls=("api",)), API, mesh=deny)))
    world.main = spec(WEB, API)
    assert "web" in why(world.apply())


def test_another_network_is_a_change_of_its_own() -> None:
    world = deployed()
    planned, _ = world.look()
    stack = planned.plan.stack
    other = replace(stack, network=replace(stack.network, name="other"))
    entry = resource("docker_network", "mesh", None, "delete", "create")
    assert why(review(planned_with(planned, [entry], other), [])) == {
        NETWORK: "no receipt names its name and range"
    }
    # One that somebody removed is only put back.
    entry = resource("docker_network", "mesh", None, "create")
    assert review(planned_with(planned, [entry], stack), []).well


def test_another_karst_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2")))
    world.sidecar = "karst/sidecar:2"
    before = karst.__version__
    monkeypatch.setattr(karst, "__version__", "99.0")
    assert why(world.apply()) == {
        "api": f"#2 showed something else: it differs in sidecar_image (it was planned by karst {before}, this is 99.0)"
    }


# --- what follows ---


def test_unreviewed_changes_are_refused_or_applied_as_asked() -> None:
    world = deployed()
    world.merge(world.open(changed("api", "2"), sign=False))
    found = world.look()[1]
    with pytest.raises(UnreviewedError) as caught:
        refuse_unreviewed(found, "fail")
    assert str(caught.value) == (
        "nobody reviewed what would change: api\n"
        "  -> plan it on a request and merge that; or `/karst plan` on the merged one,"
        " look, and run this again; or set `on-unreviewed: apply`\n"
        "  | api: no receipt names its release\n"
        "  | not counted, #2: there is no receipt"
    )
    with pytest.raises(UnreviewedError) as caught:
        refuse_unreviewed(found, "fail", hears_comments=False)
    assert caught.value.remedy == (
        "plan it on a request and merge that; or set `on-unreviewed: apply`"
    )
    refuse_unreviewed(found, "apply")
    refuse_unreviewed(Review(()), "fail")


def test_a_refusal_tells_what_its_receipts_were_planned_against() -> None:
    world = deployed()
    request = world.open(changed("api", "2"), sign=False)
    when = 1_790_000_000
    request.comments.append(world.comment(request, base="b" * 40, planned=when))
    world.merge(request)
    world.main = changed("api", "3")
    with pytest.raises(UnreviewedError) as caught:
        refuse_unreviewed(world.look()[1], "fail")
    assert caught.value.detail.splitlines() == [
        "api: #2 showed something else: it differs in env",
        f"counted, #2: planned 2026-09-21 14:13 UTC by karst {karst.__version__}, against bbbbbbbbbbbb and no state",
    ]


# --- a plan without state or engine ---


def limited(world: World, wanted: StackSpec, locks: tuple[RepoLock, RepoLock]) -> None:
    request = world.open(wanted, sign=False)
    occasion = Occasion(
        REPOSITORY,
        "",
        "",
        request.request.number,
        request.request.head,
        planned=world.clock,
    )
    receipt = make_limited_receipt(world.main, wanted, locks, occasion)
    text = seal("x", HEADER, receipt, KeySigner(KEYS[0]))
    request.comments.append(Comment(1, "", text))
    world.merge(request)


def lock_of(main: StackSpec, commit: str) -> RepoLock:
    return RepoLock.of(
        LockEntry(s.name, s.slug, s.path, commit, commit) for s in main.services
    )


def test_a_limited_receipt_covers_text_commits_and_edges() -> None:
    world = deployed()
    wanted = spec(WEB, replace(API, env={"VALUE": "2"}), DB, service("new"))
    limited(world, wanted, (RepoLock(), lock_of(wanted, "ab" * 20)))
    planned, found = world.look()
    assert found.well
    assert {e.commit for e in planned.lock.entries if e.service in ("api", "new")} == {
        "ab" * 20
    }
    world.main = changed("api", "3", wanted)
    assert why(world.look()[1]) == {
        "api": "#2 showed something else: it differs in env"
    }


def test_a_limited_receipt_covers_no_other_commit() -> None:
    world = deployed()
    limited(world, changed("api", "2"), (RepoLock(), RepoLock()))
    (found,) = why(world.look()[1]).values()
    assert found.startswith(
        "#2 showed it at no commit that repos.lock names, and this is commit "
    )


def test_a_limited_receipt_covers_no_other_mesh() -> None:
    world = deployed()
    wanted = changed("api", "2")
    limited(world, wanted, (RepoLock(), lock_of(wanted, "ab" * 20)))
    world.main = replace(wanted, mesh=replace(wanted.mesh, keeper=False))
    assert "mesh" in why(world.look()[1])["api"]


def test_a_limited_receipt_covers_the_first_apply() -> None:
    world = World(BASE)
    request = world.open(BASE, sign=False)
    number, head = request.request.number, request.request.head
    occasion = Occasion(REPOSITORY, "", "", number, head)
    locks = (RepoLock(), lock_of(BASE, "ab" * 20))
    receipt = make_limited_receipt(None, BASE, locks, occasion)
    request.comments.append(
        Comment(1, "", seal("x", HEADER, receipt, KeySigner(KEYS[0])))
    )
    world.merge(request)
    assert why(world.look()[1]) == {}
    world.main = replace(BASE, mesh=MeshSpec(network="other"))
    assert NETWORK in why(world.look()[1])


def test_a_limited_receipt_covers_removals() -> None:
    world = deployed()
    limited(world, spec(WEB, API), (RepoLock(), RepoLock()))
    assert world.apply().well


# --- every order of events ---

NAMES = ("web", "api", "db", "search", "mail")


def with_change(main: StackSpec, name: str, value: str | None) -> StackSpec:
    kept = tuple(s for s in main.services if s.name != name)
    new = () if value is None else (service(name, value),)
    order = {n: i for i, n in enumerate(NAMES)}
    return spec(*sorted((*kept, *new), key=lambda s: order[s.name]))


def running(world: World) -> dict[str, str]:
    return {r.service: r.env["VALUE"] for r in world.state.services.values()}


def is_shown(world: World, name: str, value: object) -> bool:
    """Whether a plan shows all that a request makes of a service: it says nothing of
    what is there already, nor of edges of one whose coming or going is not applied."""
    here, there = running(world), {s.name for s in world.main.services}
    return here.get(name) != value and (name in here) == (name in there)


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("open"), st.sampled_from(NAMES), st.none() | st.sampled_from("234")
        ),
        st.tuples(st.just("merge"), st.integers(0, 9), st.none()),
        st.tuples(st.just("apply"), st.none(), st.none()),
        st.tuples(st.just("half"), st.sets(st.sampled_from(NAMES)), st.none()),
        st.tuples(st.just("move"), st.sampled_from(NAMES), st.none()),
        st.tuples(st.just("replan"), st.integers(0, 9), st.none()),
    ),
    max_size=14,
)


@settings(max_examples=40)
@given(EVENTS)
def test_requests_for_different_services_never_void_each_other(
    events: list[tuple[str, object, object]],
) -> None:
    """Opened, planned, merged, applied, half-applied and dropped in any order: what is
    merged is applied, as long as no two open requests change the same service, and
    each plan showed something."""
    world = deployed()
    waiting: list[tuple[str, str | None, object]] = []
    for kind, what, value in events:
        if (
            kind == "open"
            and what not in [w[0] for w in waiting]
            and is_shown(world, str(what), value)
        ):
            request = world.open(with_change(world.main, str(what), value))  # type: ignore[arg-type]
            waiting.append((str(what), value, request))  # type: ignore[arg-type]
        elif kind == "merge" and waiting:
            name, wanted, request = waiting.pop(int(what) % len(waiting))  # type: ignore[call-overload]
            world.merge(request, with_change(world.main, name, wanted))  # type: ignore[arg-type]
        elif kind == "replan" and waiting:
            name, wanted, request = waiting[int(what) % len(waiting)]  # type: ignore[call-overload]
            if not is_shown(world, name, wanted):
                continue
            request.wanted = with_change(world.main, name, wanted)  # type: ignore[attr-defined]
            request.comments[:] = [world.comment(request)]  # type: ignore[attr-defined,arg-type]
        elif kind == "apply":
            assert why(world.apply()) == {}
        elif kind == "half":
            assert why(world.apply(only=frozenset(what))) == {}  # type: ignore[arg-type]
        elif kind == "move":
            world.refs[f"gh:acme/{what}#main"] = f"moved {world.clock}"
    assert why(world.apply()) == {}
    assert running(world) == {s.name: s.env["VALUE"] for s in world.main.services}


def test_what_a_request_undoes_before_it_was_applied_is_planned_again() -> None:
    """Its plan was empty, so nobody saw that it would remove anything."""
    world = deployed()
    world.merge(world.open(with_change(world.main, "search", "2")))
    undoing = world.open(with_change(world.main, "search", None))
    assert why(world.apply()) == {}
    world.merge(undoing)
    assert why(world.apply())["search"] == "no receipt names its release"
    undoing.comments[:] = [world.comment(undoing)]
    assert why(world.apply()) == {}
    assert "search" not in running(world)


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.sampled_from("56789"), EVENTS)
def test_what_no_request_showed_is_never_applied(
    name: str, value: str, events: list[tuple[str, object, object]]
) -> None:
    """Somebody pushes to the branch: that service is refused, whatever came before."""
    world = deployed()
    for kind, what, wanted in events:
        if kind == "open":
            request = world.open(with_change(world.main, str(what), wanted))  # type: ignore[arg-type]
            world.merge(request)
        elif kind == "apply":
            world.apply()
    world.main = with_change(world.main, name, value)
    assert name in why(world.apply())


def test_the_changes_of_nothing_are_none() -> None:
    """The tests' own Terraform: the same again is no change."""
    world = deployed()
    assert changes(world.state, world.plan(BASE).plan.stack) == []
    assert changes(Applied(), world.plan(BASE).plan.stack) != []

"""The step's part in a review: whose comment, signed by what, and what others signed."""

from __future__ import annotations

from dataclasses import dataclass, field

from karst.config.spec import StackSpec
from karst.context.run_context import RunContext
from karst.effects.clock import Clock
from karst.errors import ConfigError
from karst.fetch.lock import RepoLock
from karst.forges.publishing import CommentHeader, Publisher
from karst.pipeline.collecting import ReviewedRequest, collect
from karst.pipeline.receipts import Occasion, make_receipt
from karst.pipeline.tools import Planned
from karst.report.sealed import body_room
from karst.secret import Secret
from karst.terraform import Applied, Session
from karst.terraform.receipt import Receipt, VoidReceiptError
from karst.terraform.receipt_signing import (
    AnyVerifier,
    KeySigner,
    KeyVerifier,
    Signer,
    Verifier,
    parse_keys,
)

_NO_LOCK = RepoLock()


@dataclass(frozen=True)
class Request:
    """The request that a plan is made for, and its own last commit."""

    number: int
    head: str


@dataclass(frozen=True)
class Reviewing:
    """What is needed to sign a plan, and to find out what was signed.

    Attributes:
        publisher: the forge, or None where there is none to ask.
        request: None where the plan is for none.
        signs: whether this run may vouch for what it computed.
        base: the base branch's stack and pins, where this is about a request.
        lock: the pins here.
        token_signer, token_verifier: by the job's own token, where there is no key.
    """

    context: RunContext
    header: CommentHeader
    publisher: Publisher | None
    request: Request | None = None
    key: Secret | None = None
    signs: bool = True
    base: tuple[StackSpec | None, RepoLock] = (None, _NO_LOCK)
    lock: RepoLock = _NO_LOCK
    clock: Clock = field(default_factory=Clock)
    token_signer: Signer | None = None
    token_verifier: Verifier | None = None

    @property
    def signer(self) -> Signer | None:
        if not self.signs:
            return None
        return KeySigner(parse_keys(self.key)[0]) if self.key else self.token_signer

    @property
    def verifier(self) -> Verifier:
        if self.key:
            return KeyVerifier(parse_keys(self.key))
        return self.token_verifier or AnyVerifier(())

    def receipt(self, planned: Planned, session: Session) -> Receipt | None:
        """The receipt of a plan, None where nobody could sign it or it is too long."""
        occasion = self.occasion
        if occasion is None:
            return None
        return self.kept(make_receipt(planned, occasion, session.serial()))

    @property
    def occasion(self) -> Occasion | None:
        repository = self.context.repository
        if self.request is None or self.signer is None or repository is None:
            return None
        return Occasion(
            repository=repository,
            target=self.header.target,
            label=self.header.label,
            request=self.request.number,
            head=self.request.head,
            base=self.context.base_commit or "",
            planned=int(self.clock.now().timestamp()),
            before=self.base[0],
            locks=(self.base[1], self.lock),
        )

    def why_unsigned(self, receipt: Receipt | None) -> str:
        """What a reader of the comment must know where it has no receipt, else ""."""
        if receipt is not None:
            return ""
        follows = "After the merge, an apply takes these changes as unreviewed"
        asks = self.context.hears_comments
        if not self.signs:
            way = (
                ", unless the merge queue or a maintainer's `/karst plan` has signed a plan of the same commit"
                if asks
                else ": whoever may write can plan them on a branch of the project instead"
            )
            return f"This plan has no receipt: a run for a fork or a bot signs nothing. {follows}{way}."
        if self.signer is None:
            token = ", and the job no `id-token: write`" if asks else ""
            return f"This plan has no receipt: the step has no `receipt-key`{token}. {follows}."
        return f"This plan has no receipt: more services change at once than one has room for. {follows}: split the request."

    def kept(self, receipt: Receipt) -> Receipt | None:
        try:
            body_room(receipt)
        except VoidReceiptError:
            return None
        return receipt

    def collect(self, applied: Applied) -> tuple[ReviewedRequest, ...]:
        """Merged requests since the last applied commit, with their receipts."""
        until, repository = self.context.commit, self.context.repository
        if self.publisher is None or until is None or repository is None:
            raise ConfigError(
                "nobody can be asked which requests were merged",
                where="the forge's token",
                remedy="give the step one that may read requests",
            )
        return collect(
            self.publisher,
            self.header,
            self.verifier,
            repository,
            applied=applied,
            until=until,
        )

"""Whether Envoy has really taken up the set of files that was put in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from karst.runner import envoy

# A watched file is read within milliseconds of its move.
PATIENCE = 10.0


class Uptake:
    """Follows one Envoy. Times are seconds of one monotonic clock.

    Attributes:
        ready: Envoy has its first configuration and listens.
        version: the newest set that Envoy has read and not refused.
        error: why a newer one is not, or "".

    Envoy reads files in no order when a set moves: listeners that name a new cluster
    are refused where they come first. So after a first refusal the set is shown again
    (`show_again` moves it once more), and only a second one counts. It is shown again,
    too, where Envoy was held up and did not say how it stood before the move: else what
    it read of the last set would pass for this one's.
    """

    def __init__(
        self,
        is_ready: Callable[[], bool],
        counters: Callable[[], dict[str, int]],
        show_again: Callable[[], None],
    ) -> None:
        self.ready = False
        self.version = ""
        self.error = ""
        self._show_again = show_again
        self._shown_again = False
        self._is_ready = is_ready
        self._counters = counters
        self._wanted = ""
        self._open = self._unsure = False
        self._before: Mapping[str, int] = {}
        self._deadline = 0.0

    def begin(self, version: str, before: Mapping[str, int], now: float) -> None:
        """A set came into force; `before` are Envoy's counters from before that, empty
        where it did not answer."""
        self._wanted, self._before, self._unsure = version, before, not before
        self._open, self._deadline = True, now + PATIENCE
        self._shown_again = False

    def restarted(self, version: str, now: float) -> None:
        """Envoy was started on this set: everything it reads now is that set's."""
        self.ready = False
        self.begin(version, {}, now)
        self._unsure = False

    def lost(self, reason: str) -> None:
        """Envoy has ended."""
        self.ready = False
        self.error = reason

    def look(self, now: float) -> None:
        """Ask Envoy where something is still open; cheap where nothing is."""
        self.ready = self.ready or self._is_ready()
        if not self._open:
            return
        counters = self._counters() if self.ready else {}
        if counters and self._unsure:
            self._unsure, self._before = False, counters
            self._show_again()
            return
        refused = envoy.refused(self._before, counters)
        settled = bool(counters) and envoy.taken_up(self._before, counters)
        if refused and settled and not self._shown_again:
            self._shown_again, self._before = True, counters
            self._show_again()
        elif refused and settled:
            self._open = False
            self.error = (
                f"set {self._wanted}: Envoy refuses {', '.join(refused)}; "
                "the sidecar's log says why"
            )
        elif settled:
            self._open = False
            self.version, self.error = self._wanted, ""
        elif now > self._deadline:
            self.error = self.error or f"set {self._wanted}: Envoy has not taken it up"

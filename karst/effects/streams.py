"""What a child process reads and writes: both its outputs as lines, redacted."""

from __future__ import annotations

import contextlib
import select
import threading
from collections.abc import Callable
from typing import IO

from karst.secret import Secret, redact

# For what an ended child has left in its pipes; a grandchild may hold them open.
LINGER_SECONDS = 1.0
# Characters of each output: somebody's repository may have git list files without end.
MOST_OUTPUT = 128 << 20
_LONGEST_LINE = 1 << 16


class Streams:
    """Feeds a child's input and reads both its outputs, each in a thread."""

    def __init__(
        self,
        pipes: tuple[IO[str] | None, IO[str] | None, IO[str] | None],
        secrets: tuple[Secret, ...],
        on_line: Callable[[str], None] | None,
        text: str | None,
    ) -> None:
        self.fault: BaseException | None = None
        self.too_much = False
        self._secrets = secrets
        self._line_secrets = _by_line(secrets)
        self._on_line = on_line
        self._lock = threading.Lock()
        self._input, *self._outputs = pipes
        self._read: dict[str, list[str]] = {"out": [], "err": []}
        self._in_hand: set[str] = set()
        self._threads = [
            threading.Thread(target=self._drain, args=output)
            for output in zip(("out", "err"), self._outputs, strict=True)
        ]
        if text is not None:
            self._threads.append(threading.Thread(target=self._feed, args=(text,)))
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def _feed(self, text: str) -> None:
        pipe = self._input
        # The child may end without reading everything.
        with contextlib.suppress(BrokenPipeError, ValueError):
            if pipe is not None:
                with pipe:
                    pipe.write(text)

    def _drain(self, name: str, pipe: IO[str]) -> None:
        size = 0
        with contextlib.suppress(ValueError):
            while line := pipe.readline(_LONGEST_LINE):
                size += len(line)
                if size > MOST_OUTPUT:
                    self.too_much = True
                    return
                self._read[name].append(line)
                self._in_hand.add(name)
                self._tell(line)
                self._in_hand.discard(name)

    def _tell(self, line: str) -> None:
        if self._on_line is None or self.fault is not None:
            return
        with self._lock:
            try:
                self._on_line(redact(line.rstrip("\r\n"), self._line_secrets))
            except BaseException as error:
                self.fault = error

    def done(self, seconds: float) -> bool:
        """Wait up to `seconds` a stream; say whether both are at their end."""
        for thread in self._threads[:2]:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads[:2])

    def behind(self) -> bool:
        """Whether there is more to read at once: `on_line` may be slower than the child,
        as where a terminal is held."""
        waiting = select.poll()
        outputs = zip(("out", "err"), self._threads[:2], self._outputs, strict=True)
        for name, thread, pipe in outputs:
            if thread.is_alive() and pipe is not None:
                if name in self._in_hand:
                    return True
                waiting.register(pipe, select.POLLIN)
        return bool(waiting.poll(0))

    def texts(self) -> tuple[str, str]:
        """Return standard output and error, secrets redacted."""
        return (
            redact("".join(self._read["out"]), self._line_secrets),
            redact("".join(self._read["err"]), self._line_secrets),
        )

    def close(self) -> None:
        for thread in self._threads:
            thread.join(LINGER_SECONDS)
        if not any(thread.is_alive() for thread in self._threads):
            for pipe in self._outputs:
                if pipe is not None:
                    pipe.close()


def _by_line(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    """Add the lines of secrets that have several: output is shown line by line."""
    lines = (
        Secret(line.strip())
        for secret in secrets
        if "\n" in secret.reveal().strip()
        for line in secret.reveal().splitlines()
        if line.strip()
    )
    return (*secrets, *lines)

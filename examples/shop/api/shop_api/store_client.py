"""Asks the store: it speaks first, then one JSON line is answered by one."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

from shop_api.failures import Refused, Unavailable

TIMEOUT_SECONDS = 3.0
# Between attempts to connect; a request that was sent is never sent again.
PAUSES = (0.1, 0.3, 0.6)
LONGEST_LINE = 1024 * 1024

log = logging.getLogger("api")


@dataclass(frozen=True)
class StoreAnswer:
    """`result` of the request, and the `banner` that the store began with."""

    result: Any
    banner: dict[str, Any]


class StoreClient:
    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)

    async def ask(self, op: str, **arguments: object) -> StoreAnswer:
        """Carry out one operation; raises Unavailable or Refused."""
        try:
            reader, writer, banner = await self._connect()
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("the store does not answer: %s", error or "time is up")
            raise Unavailable("the store does not answer") from error
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                writer.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
                answer = _read(await reader.readline())
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("the store broke off at %s: %s", op, error or "time is up")
            raise Unavailable("the store broke off") from error
        finally:
            writer.close()
        if answer.get("ok"):
            return StoreAnswer(answer["result"], banner)
        if answer["error"] == "unavailable":
            raise Unavailable(f"the store says: {answer['message']}")
        raise Refused(answer["error"], answer["message"])

    async def _connect(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]:
        for pause in PAUSES:
            try:
                return await self._greet()
            except (OSError, ValueError, TimeoutError):
                await asyncio.sleep(pause)
        return await self._greet()

    async def _greet(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(
                self._host, self._port, limit=LONGEST_LINE
            )
            try:
                return reader, writer, _read(await reader.readline())
            except BaseException:
                writer.close()
                raise


def _read(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise ConnectionError("it hung up")
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("it does not speak the store's protocol")
    return answer

"""When the next request may go out: bounded concurrency that shrinks when the server says so."""

from __future__ import annotations

import asyncio
import random
import time

_GROW_AFTER = 16
_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 20.0


class Pace:
    """One for each provider and key. No request leaves inside a wait that the server asked for."""

    def __init__(self, concurrency: int) -> None:
        self._most = concurrency
        self._allowed = concurrency
        self._in_flight = 0
        self._calm = 0
        self._not_before = 0.0
        self._changed = asyncio.Condition()

    async def enter(self) -> None:
        """Wait for a free place and for the end of any wait."""
        async with self._changed:
            while True:
                await self._changed.wait_for(lambda: self._in_flight < self._allowed)
                wait = self._not_before - time.monotonic()
                if wait <= 0:
                    self._in_flight += 1
                    return
                self._changed.release()
                try:
                    await asyncio.sleep(wait)
                finally:
                    await self._changed.acquire()

    async def leave(self, *, throttled: bool, wait_s: float | None) -> None:
        """Give the place back. After a 429 half as many go out at once, and none before ``wait_s`` is over."""
        async with self._changed:
            self._in_flight -= 1
            if throttled:
                self._allowed = max(1, self._allowed // 2)
                self._calm = 0
                if wait_s:
                    self._not_before = max(self._not_before, time.monotonic() + wait_s)
            else:
                self._calm += 1
                if self._calm >= _GROW_AFTER and self._allowed < self._most:
                    self._allowed, self._calm = self._allowed + 1, 0
            self._changed.notify_all()


def backoff_s(attempt: int) -> float:
    """Seconds to wait before try ``attempt`` + 1 when the server names none: exponential, with jitter."""
    longest = min(_BACKOFF_MAX_S, _BACKOFF_S * 2**attempt)
    return random.uniform(longest / 2, longest)

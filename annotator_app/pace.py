"""How often somebody may ask for something that costs time to answer."""

import threading
import time
from collections import deque
from collections.abc import Callable

_MOST_ASKERS = 10_000


class Pace:
    """At most `most` times within `seconds` for each asker, counted in this process alone."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def allows(self, asker: str) -> bool:
        """Whether the asker may ask now; it counts if so."""
        now = self._clock()
        with self._lock:
            if len(self._times) >= _MOST_ASKERS:
                self._times = {who: t for who, t in self._times.items() if t[-1] > now - self._seconds}
                if len(self._times) >= _MOST_ASKERS and asker not in self._times:
                    return False  # so many at once are an attack: no memory for more
            times = self._times.setdefault(asker, deque())
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            return True

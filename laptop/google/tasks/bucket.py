"""The token bucket that limits a queue's dispatches; PURE: the time is an argument, in seconds."""

import math


def burst_size(rate: float) -> int:
    """The service sets it itself, at least about the rate (`types.RateLimits.max_burst_size`)."""
    return max(1, math.ceil(rate))


class TokenBucket:
    """Starts full, holds at most `burst` tokens and gains `rate` of them each second."""

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def limit(self, *, rate: float, burst: float, now: float) -> None:
        """Changes the limits from now on; tokens beyond the new burst are lost."""
        self._fill(now)
        self._rate = rate
        self._burst = burst
        self._tokens = min(self._tokens, burst)

    def take(self, now: float) -> bool:
        self._fill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self, now: float) -> float:
        """Seconds until a token can be taken."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._filled_at) * self._rate
        self._tokens = min(self._burst, self._tokens + gained)
        self._filled_at = now

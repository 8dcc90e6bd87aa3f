"""How far a running item is, and when it will be done."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_WINDOW = 120.0  # seconds that the pace is taken over: what was there already is counted quickly and says nothing
_STEPS = 3  # or so many steps where each takes longer
_SURE = 5.0  # seconds before anything is said


def clock(seconds: float) -> str:
    """Seconds as people say them: 45 s, 3 min 20 s, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


@dataclass
class Pace:
    """Follows one piece of work by what it says of itself.

    Attributes:
        what: what is being done; done: how many steps of it; total: of how many.
    """

    what: str = ""
    done: int = 0
    total: int = 0
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def tell(self, done: int, total: int, what: str, now: float) -> None:
        """Take in how far it is at a time in seconds."""
        if (what, total) != (self.what, self.total) or done < self.done:
            self._seen.clear()  # other work, or the same from its beginning
        self.what, self.done, self.total = what, done, total
        if not self._seen or self._seen[-1][1] != done:
            self._seen.append((now, done))
        while len(self._seen) > _STEPS and now - self._seen[1][0] > _WINDOW:
            self._seen.popleft()

    def left(self, now: float) -> float | None:
        """Seconds that are left at the pace of late; None while that cannot be said."""
        if len(self._seen) < 2 or now - self._seen[0][0] < _SURE:
            return None
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        rest = (self.total - last) * (ended - began) / (last - first) - (now - ended)
        return rest if rest >= 1 else None  # overdue, or as good as done


def told(paces: list[Pace], now: float, fallback: str, began: float | None = None) -> str:
    """One text for the items that work on the same thing: ``pictures 120/5000, 45 s so far, about 3 min 20 s left``.

    Args:
        paces: of each item; shares of one work are added up.
        now: seconds.
        fallback: what to say while none has said anything.
        began: when the work began; None: without the time so far.
    """
    said = [pace for pace in paces if pace.what or pace.total]
    text, left = fallback, []
    if said:
        same = [pace for pace in said if pace.what == said[-1].what]
        text = f"{said[-1].what or fallback} {sum(p.done for p in same):,}/{sum(p.total for p in same):,}"
        left = [seconds for pace in same if (seconds := pace.left(now)) is not None]
    return text + times(None if began is None else now - began, max(left, default=None))


def times(so_far: float | None, left: float | None) -> str:
    """``, 45 s so far, about 3 min 20 s left``; what is None is left out."""
    text = "" if so_far is None else f", {clock(so_far)} so far"
    return text + (f", about {clock(left)} left" if left else "")

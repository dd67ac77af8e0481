"""Say what is being done, how far it is and how long it took, on stderr."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_HEARTBEAT = 30.0
_TERMINAL_TICK = 0.5


@dataclass(slots=True)
class Step:
    """One thing under way; `note` is how far it is."""

    title: str
    began: float = field(default_factory=time.monotonic)
    note: str = ""

    def __str__(self) -> str:
        """Return the line that is shown while the step goes on."""
        note = f" ({self.note})" if self.note else ""
        return f"… {self.title}{note}, {duration(time.monotonic() - self.began)}"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)} min {int(rest):02d} s" if minutes else f"{rest:.1f} s"


def say(line: str) -> None:
    """Write one line; on a terminal, over the line that shows the current step."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{clear}{line}", file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show a step until it ends: every half second on a terminal, else every half minute."""
    now = Step(title)
    over = threading.Event()
    ticker = threading.Thread(target=_tick, args=(now, over), daemon=True)
    if not sys.stderr.isatty():
        say(f"… {title}")
    ticker.start()
    mark = "✗"
    try:
        yield now
        mark = "✓"
    finally:
        over.set()
        ticker.join()
        say(f"{mark} {title}, {duration(time.monotonic() - now.began)}")


def _tick(now: Step, over: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    while not over.wait(_TERMINAL_TICK if terminal else _HEARTBEAT):
        if terminal:
            print(f"\r\x1b[K{now}", end="", file=sys.stderr, flush=True)
        else:
            say(str(now))

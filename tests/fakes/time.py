"""Time that moves only when told to."""

from dataclasses import dataclass

NOW_S = 1_511_758_800  # 2017-11-27T05:00:00Z


@dataclass(slots=True)
class FakeClock:
    """A WallClock."""

    us: int = NOW_S * 1_000_000

    def now_us(self) -> int:
        return self.us

    def now_s(self) -> float:
        return self.us / 1e6


@dataclass(slots=True)
class FakeTicks:
    """Ticks; every look at them takes `step` seconds."""

    seconds: float = 100.0
    step: float = 0.0

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds

"""How much is made, and how often it is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one run of the benchmark."""

    items: int  # in the catalogue
    users: int
    candidates: tuple[int, ...]  # the first is the one with a target
    variants: int  # sets of candidates that the steps go through
    rounds: int
    steps: int  # of a reader in a round
    feast_rounds: int
    feast_steps: int
    feast_items: int  # in stock Feast's Redis, which is filled slowly
    sqlite_items: int  # SQLite is filled slowly; 0: not at all
    event_rounds: int
    events: int  # of a caller in a round
    batches: tuple[int, ...]
    seen: int  # events that are followed until they are visible

    @property
    def overlaid(self) -> range:
        """The users with events that are not in their rows yet."""
        return range(self.users // 2 + 1, self.users // 2 + 1 + min(50, self.users // 4))

    @property
    def steady(self) -> range:
        """The users without."""
        return range(1, 1 + min(200, self.users // 4))


FULL = Sizes(
    items=50_000,
    users=2_000,
    candidates=(500, 1_000, 5_000),
    variants=50,
    rounds=11,
    steps=300,
    feast_rounds=5,
    feast_steps=6,
    feast_items=20_000,
    sqlite_items=5_000,
    event_rounds=5,
    events=400,
    batches=(1, 20, 100),
    seen=400,
)
SMALL = Sizes(
    items=300,
    users=40,
    candidates=(50,),
    variants=3,
    rounds=2,
    steps=10,
    feast_rounds=1,
    feast_steps=2,
    feast_items=300,
    sqlite_items=0,
    event_rounds=1,
    events=10,
    batches=(1, 5),
    seen=8,
)

"""What a made-up world is about: its things, their names, and how people behave there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 240
SEASON_DAYS = 30  # the assortment and the seasons change as often
SEASONS = DAYS // SEASON_DAYS
SLOTS = 10  # of a page
EXAMINED = tuple(
    (1.0 + slot) ** -0.7 for slot in range(SLOTS)
)  # the position bias: chance of a look


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of things: what its members are called, and after how many days one is used up."""

    name: str
    nouns: tuple[str, ...]
    interval_days: float | None = None  # None: nobody needs it twice
    season: float = 0.0  # how much more (or less) wanted in summer than in winter, as a logit


@dataclass(frozen=True, slots=True)
class Domain:
    """One world."""

    name: str
    title: str
    surface: str
    id_kind: str
    horizon_days: int
    min_events: int
    departments: Mapping[str, tuple[Category, ...]]
    brands: tuple[str, ...]
    adjectives: tuple[str, ...]
    variants: tuple[str, ...]  # sizes, or levels
    variant_column: str
    price: tuple[float, float]  # median, and the deviation of its logarithm
    places: Mapping[str, str]  # where people live: the currency they pay in
    price_column: str = "price"
    category_columns: tuple[str, str] = ("department", "category")
    brand_column: str = "brand"
    place_column: str = "region"
    currencies: Mapping[str, float] = field(default_factory=dict)  # worth of one unit
    time_zone: str = "UTC"  # of the times that are written
    take: str = "purchase"
    finish: str | None = None  # an event that follows some takes
    visit_gap_days: float = 4.0
    take_logit: float = -0.8
    staples: float = 6.0  # things that a person bought regularly before the first day
    user_prefix: str = ""

    @property
    def end(self) -> datetime:
        return START + timedelta(days=DAYS)

    @property
    def now_day(self) -> int:
        """Two horizons before the end, as the contract's default has it."""
        return DAYS - 2 * self.horizon_days

    @property
    def categories(self) -> tuple[Category, ...]:
        return tuple(c for listed in self.departments.values() for c in listed)

    @property
    def department_of(self) -> tuple[str, ...]:
        """The department of each category."""
        return tuple(name for name, listed in self.departments.items() for _ in listed)

    def description(self) -> dict[str, Any]:
        """dataset.yaml but for its tables."""
        described: dict[str, Any] = {
            "version": 1,
            "name": self.name,
            "id_kind": self.id_kind,
            "surface": self.surface,
            "target_kinds": [self.take],
            "horizon_days": self.horizon_days,
            "default_now": (START + timedelta(days=self.now_day)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "licence": "Made up by a seeded generator of this repository; nobody's data.",
            "catalogue": {"min_events": self.min_events},
        }
        if self.currencies:
            described["currencies"] = dict(self.currencies)
        return described

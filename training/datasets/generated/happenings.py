"""The contract's tables of what happened: events and queries."""

import numpy as np
import polars as pl

from training.datasets.generated.actions import NO_SLOT, Actions
from training.datasets.generated.domain import START, Domain
from training.datasets.generated.offers import Ads, Promotions, exposures
from training.datasets.generated.tables import Columns, Names, chosen
from training.datasets.generated.world import Floats, Ints, World

SECOND = 1 / 86_400
AD_LOOKS = 0.3  # of the looks that a page's first slot would get
LATE = 0.02  # share of events that arrive hours later
MISTYPED = 0.15  # share of queries that lack a letter
FINISHED = 0.55  # share of takes that are finished, where a world has such a thing
FINISH_DAYS = 18.0
ROLES: Columns = {
    "event_id": {"role": "id"},
    "user_id": {"role": "user"},
    "item_id": {"role": "item"},
    "kind": {"role": "kind"},
    "event_time": {"role": "time"},
    "arrival_time": {"role": "arrival"},
    "session_id": {"role": "group"},
    "quantity": {"role": "quantity"},
    "value": {"role": "value"},
    "slot": {"role": "slot"},
    "propensity": {"role": "propensity"},
    "request_token": {"role": "token"},
}
CURRENCY: Columns = {"currency": {"role": "currency"}}
QUERY_ROLES: Columns = {
    "query_id": {"role": "id"},
    "user_id": {"role": "user"},
    "text": {"role": "text"},
    "query_time": {"role": "time"},
    "item_id": {"role": "item"},
}


def events(
    world: World, names: Names, done: Actions, promotions: Promotions, advertised: Ads
) -> tuple[pl.DataFrame, Columns]:
    """Everything that was shown, looked at and taken, by time."""
    shown, clicked = done.shown, done.shown.only(done.looked)
    sought, taken = done.wanted.only(done.found), done.taken
    none = np.full(len(sought.visit), NO_SLOT)
    unknown = np.full(len(sought.visit), np.nan)
    parts = [
        _rows("impression", shown.visit, shown.item, 1, shown.slot, shown.propensity),
        _rows("click", clicked.visit, clicked.item, 9, clicked.slot, clicked.propensity),
        _rows("click", sought.visit, sought.item, 40, none, unknown),
        _rows(world.domain.take, taken.visit, taken.item, 300, taken.slot, taken.chance),
        *_ad_rows(world, done, advertised),
    ]
    frame = pl.concat(parts)
    visit = frame["visit"].to_numpy()
    frame = frame.with_columns(
        user=pl.Series(done.visits.user[visit]),
        day=pl.Series(done.visits.day[visit]) + pl.col("after_s") * SECOND,
    )
    if world.domain.finish:
        frame = pl.concat([frame, _finishes(world, frame)])
    return _written(world, names, frame, promotions), ROLES | (
        CURRENCY if world.domain.currencies else {}
    )


def _rows(
    kind: str, visit: Ints, item: Ints, after_s: float, slot: Ints, propensity: Floats
) -> pl.DataFrame:
    """Places on a page are looked at one after another, three seconds apart."""
    return pl.DataFrame(
        {
            "kind": pl.Series([kind]).new_from_index(0, len(visit)),
            "visit": visit,
            "item": item,
            "after_s": after_s + 3.0 * np.maximum(slot, 0),
            "slot": pl.Series(slot).replace(NO_SLOT, None).cast(pl.Int32),
            "propensity": pl.Series(propensity).fill_nan(None),
        }
    )


def _ad_rows(world: World, done: Actions, advertised: Ads) -> list[pl.DataFrame]:
    random = world.random(10)
    which, chance = exposures(advertised, done.visits.day, random)
    visit = np.flatnonzero(which >= 0)
    item, chance = advertised.item[which[visit]], chance[visit]
    looked = random.random(len(visit)) < AD_LOOKS * world.look(done.visits.user[visit], item)
    slot = np.zeros(len(visit), dtype=np.int64)
    return [
        _rows("ad_impression", visit, item, 2, slot, chance),
        _rows("ad_click", visit[looked], item[looked], 20, slot[looked], chance[looked]),
    ]


def _finishes(world: World, frame: pl.DataFrame) -> pl.DataFrame:
    random = world.random(11)
    taken = frame.filter(pl.col("kind") == world.domain.take)
    ended = taken["day"] + random.gamma(2.0, FINISH_DAYS / 2, taken.height)
    return taken.with_columns(
        kind=pl.lit(world.domain.finish),
        day=ended,
        slot=pl.lit(None, dtype=pl.Int32),
        propensity=pl.lit(None, dtype=pl.Float64),
    ).filter(
        pl.Series(random.random(taken.height) < FINISHED),
        pl.col("day") < (world.domain.end - START).days,
    )


def _written(
    world: World, names: Names, frame: pl.DataFrame, promotions: Promotions
) -> pl.DataFrame:
    random = world.random(12)
    frame = frame.sort("day", "visit", "kind", "item")
    taken = frame["kind"] == world.domain.take
    bought = random.geometric(0.8, frame.height).clip(max=4) if world.domain.staples else 1
    price = world.items.price[frame["item"].to_numpy()].clip(0.5)
    cut = promotions.discounts(frame["item"].to_numpy(), frame["day"].to_numpy())
    late = np.where(random.random(frame.height) < LATE, random.exponential(0.2, frame.height), 0.0)
    arrival = frame["day"] + 2 * SECOND + late
    counted = pl.Series(bought * np.ones(frame.height))
    paid = (pl.Series(price * (1 - cut)) * counted).round(2)
    found = frame.select(
        event_id=pl.format("e{}", pl.int_range(pl.len())),
        user_id=chosen(names.users, frame["user"].to_numpy()),
        item_id=chosen(names.items, frame["item"].to_numpy()),
        kind="kind",
        event_time=_time(world.domain, frame["day"]),
        arrival_time=_time(world.domain, arrival),
        session_id=pl.format("s{}", "visit"),
        quantity=pl.when(taken).then(counted).otherwise(1.0),
        value=pl.when(taken).then(paid),
        slot="slot",
        propensity="propensity",
        request_token=pl.when(pl.col("slot").is_not_null()).then(pl.format("t{}", "visit")),
    )
    return _in_currencies(world, found, frame["user"].to_numpy())


def _in_currencies(world: World, frame: pl.DataFrame, users: Ints) -> pl.DataFrame:
    """Everybody pays in the money of where they live."""
    domain = world.domain
    if not domain.currencies:
        return frame
    codes = list(domain.places.values())
    place = world.users.place[users]
    worth = np.array([domain.currencies[code] for code in codes])[place]
    return frame.with_columns(
        value=(pl.col("value") / pl.Series(worth)).round(2).clip(lower_bound=0.01),
        currency=pl.Series(codes).gather(pl.Series(place)),
    )


def queries(world: World, names: Names, done: Actions) -> tuple[pl.DataFrame, Columns]:
    """What people typed who came to look for one thing, and what they looked at of the results."""
    random = world.random(13)
    sought = done.wanted
    count = len(sought.visit)
    how = random.choice(3, count, p=[0.3, 0.4, 0.3])
    mistyped = random.random(count) < MISTYPED
    lost = random.random(count)
    texts = [
        _typed(
            (names.categories[world.items.category[i]], names.nouns[i], names.titles[i])[h], m, at
        )
        for i, h, m, at in zip(sought.item, how, mistyped, lost, strict=True)
    ]
    user = done.visits.user[sought.visit]
    frame = pl.DataFrame(
        {
            "query_id": [f"q{i}" for i in range(count)],
            "user_id": chosen(names.users, user),
            "text": texts,
            "query_time": _time(
                world.domain, pl.Series(done.visits.day[sought.visit] + 30 * SECOND)
            ),
            "item_id": chosen(names.items, sought.item),
        }
    ).with_columns(item_id=pl.when(pl.Series(done.found)).then("item_id"))
    return frame.sort("query_time", "query_id"), QUERY_ROLES


def _typed(text: str, mistyped: bool, at: float) -> str:  # noqa: FBT001 - a row's value
    place = int(at * len(text))
    typed = text[:place] + text[place + 1 :] if mistyped and len(text) > 3 else text
    return typed.lower().strip()


def _time(domain: Domain, day: pl.Series) -> pl.Series:
    """Days since the first to instants, as the domain's clocks show them."""
    micros = (day * 86_400e6).round().cast(pl.Int64)
    first = int(START.timestamp() * 1e6)
    times = (micros + first).cast(pl.Datetime("us", "UTC"))
    return times.dt.convert_time_zone(domain.time_zone)

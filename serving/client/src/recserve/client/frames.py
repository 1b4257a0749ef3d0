"""Items as a data frame of pandas or polars, whichever is installed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from recserve.client.results import ScoredItem

EXPLAINED = (
    "log_odds_"  # and the name of the feature view; such columns are there if one was explained
)


def to_pandas(items: Sequence["ScoredItem"]) -> "pd.DataFrame":
    try:
        import pandas as pd  # noqa: PLC0415
    except ImportError as error:
        raise _missing("pandas") from error
    columns = _columns(items)
    numbers = {name: "float64" for name in columns if _is_number(name)}
    return pd.DataFrame(columns).astype(numbers | {"position": "int64"})


def to_polars(items: Sequence["ScoredItem"]) -> "pl.DataFrame":
    try:
        import polars as pl  # noqa: PLC0415
    except ImportError as error:
        raise _missing("polars") from error
    columns = _columns(items)
    types: dict[str, Any] = {
        "position": pl.Int64,
        "item_id": pl.String,
        "score": pl.Float64,
        "sources": pl.List(pl.String),
        "target_item_ids": pl.List(pl.String),
    }
    return pl.DataFrame(columns, schema={name: types.get(name, pl.Float64) for name in columns})


def _columns(items: Sequence["ScoredItem"]) -> dict[str, list[Any]]:
    effects = [
        {c.view: c.log_odds for c in item.explanation.contributions} if item.explanation else {}
        for item in items
    ]
    views = dict.fromkeys(view for of_item in effects for view in of_item)
    columns: dict[str, list[Any]] = {
        "position": list(range(len(items))),
        "item_id": [item.item_id for item in items],
        "score": [item.score for item in items],
        "sources": [[str(source) for source in item.sources] for item in items],
        "target_item_ids": [list(item.target_item_ids) for item in items],
    }
    return columns | {EXPLAINED + view: [one.get(view) for one in effects] for view in views}


def _is_number(name: str) -> bool:
    return name == "score" or name.startswith(EXPLAINED)


def _missing(library: str) -> ImportError:
    return ImportError(
        f'to_{library} needs {library}, which is not installed: pip install "recserve-client[{library}]"',
        name=library,
    )

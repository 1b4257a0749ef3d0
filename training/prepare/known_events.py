"""Events and catalogue as the feature views take them."""

from datetime import datetime

import polars as pl

from training.datasets.errors import DataSetError
from training.prepare import clean
from training.prepare.contract import DataSet
from training.prepare.keys import item_keys, text_keys, with_keys


def catalogue_items(data: DataSet, cleaned: pl.LazyFrame, now: datetime) -> pl.DataFrame:
    """The items with enough clean events before now, with their keys, ascending.

    Raises:
        DataSetError: there are none.
    """
    ids = clean.catalogue(cleaned, now, data.min_events)
    found = (
        data.items.unique("item_id").join(ids, on="item_id", how="semi").collect(engine="streaming")
    )
    if found.is_empty():
        raise DataSetError(
            f"no item of items.parquet has {data.min_events} clean events before "
            f"{now.isoformat()}; lower catalogue.min_events in dataset.yaml, or set a later now"
        )
    return item_keys(found, data.id_kind).sort("item_key")


def keyed_events(data: DataSet, cleaned: pl.LazyFrame, known_items: pl.DataFrame) -> pl.DataFrame:
    """Clean events of catalogue items, with the keys of items, affinity columns and baskets.

    By a basket's key, later events of the same basket are recognised.
    """
    columns = list(data.affinity_columns)
    keyed = with_keys(known_items.select("item_id", "item_key", *columns), columns)
    # A streaming join keeps no order, and the order of a float sum is visible in its last digit.
    joined = cleaned.join(keyed.lazy(), on="item_id").sort("time", "user_id", "group", "item_id")
    events = joined.collect(engine="streaming")
    return events.with_columns(group_key=text_keys(events["group"].cast(pl.String)))

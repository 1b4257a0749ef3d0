"""A prepared folder as it would have been at an earlier cut-off: what a system trained there may read.

Only rows of cut-offs up to then are left in the views, and only labels whose horizon had ended. Statistics
are computed anew, from the cut-offs that then teach.

Catalogue and vocabularies are those of the whole folder, at every cut-off. The catalogue is the protocol's:
everybody is asked about the same items and judged by purchases of them alone, and what entrants are shown
of purchases is of them too, so that nobody learns from it what another can't. It does say of an item that it
comes to sell often enough by the folder's own now; at the latest cut-off that is known, and at those before
it is the same hint to all. A vocabulary lists which words there are, in the order of the alphabet: it counts
nothing, and the row of a word that comes up later is never taught.
"""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from training.data import open_prepared
from training.datasets.folder import replacing
from training.errors import PreparedError
from training.prepare.statistics import of_views, teaching

SHARED = ("catalogue.parquet", "vocabularies")
LABELS = ("targets.parquet", "actions.parquet")  # the second where there are other actions


def truncate(prepared: Path, folder: Path, cutoff: datetime) -> None:
    """Writes `folder` whole or not at all.

    Raises:
        PreparedError: `prepared` is incomplete, or the cut-off isn't one of its own.
    """
    whole = open_prepared(prepared)
    if cutoff not in whole.cutoffs:
        raise PreparedError(
            f"{cutoff.isoformat()} is no cut-off of {prepared}; the last is {whole.now.isoformat()}"
        )
    cutoffs = [t for t in whole.cutoffs if t <= cutoff]
    with replacing(folder) as fresh:
        for name in SHARED:
            _copy(prepared / name, fresh / name)
        (fresh / "views").mkdir()
        for path in sorted((prepared / "views").glob("*.parquet")):
            known = pl.scan_parquet(path).filter(pl.col("event_timestamp") <= cutoff)
            known.sink_parquet(fresh / "views" / path.name, row_group_size=50_000)
        ended = pl.col("cutoff") + whole.horizon <= cutoff
        for name in LABELS:
            if (prepared / name).is_file():
                pl.scan_parquet(prepared / name).filter(ended).sink_parquet(fresh / name)
        statistics = of_views(fresh / "views", teaching(cutoffs, whole.horizon))
        (fresh / "statistics.json").write_text(json.dumps(statistics, indent=1, sort_keys=True))
        features = _up_to(whole.features, len(cutoffs))
        (fresh / "features.yaml").write_text(yaml.safe_dump(features, sort_keys=False))


def _copy(given: Path, to: Path) -> None:
    if given.is_dir():
        shutil.copytree(given, to)
    else:
        shutil.copyfile(given, to)


def _up_to(features: dict[str, Any], count: int) -> dict[str, Any]:
    """The description of the folder with its first cut-offs alone."""
    cutoffs = features["cutoffs"][:count]
    return features | {"cutoffs": cutoffs, "now": cutoffs[-1]}

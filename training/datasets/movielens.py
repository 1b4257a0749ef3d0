"""MovieLens-100K: 100,000 ratings of 1,682 films by 943 people, from the examples of the recbole package.

Source: GroupLens, University of Minnesota; F. M. Harper and J. A. Konstan, "The MovieLens datasets: history
and context" (ACM TiiS 2015). Every rating is a `watch`, whatever its stars: the task is to say what somebody
sees next, and leave-one-out evaluations of this data count all ratings too. Stars are the event's `value`.

Most people rated in one sitting: the median person's ratings span less than an hour, and 305 of 943 have
ratings more than a day apart. Few return within a horizon, then, and a longer one has more of them: of the
people with a history at a cut-off, 26 to 53 rate within 7 days, 35 to 75 within 14 and 50 to 101 within 28,
over cut-offs since November 1997. But 28 days leave six cut-offs to learn from, four of them to teach. Hence
14 days, with now on 26 February 1998: twelve cut-offs, 74 people with a history to be asked for and 47
without one, and 56 with a history kept for the horizon after that. In the last days of March mostly newcomers
rated (139 of 192 people), so the contract's own default for now would judge the answers to strangers.
"""

import sys
from pathlib import Path

import polars as pl
import yaml
from rich.console import Console

from training.datasets.errors import DataSetError
from training.datasets.folder import replacing

NAME = "movielens"
NOTICE = (
    "MovieLens-100K (GroupLens, University of Minnesota): for research, with acknowledgement and "
    "without implying endorsement; it may not be redistributed without separate permission. It is "
    "read from the installed recbole package and never redistributed."
)
FOLDER = Path("share/movielens/recbole/dataset_example/ml-100k")  # of the environment
DESCRIPTION = {
    "version": 1,
    "name": NAME,
    "id_kind": "integer",
    "surface": "content",
    "target_kinds": ["watch"],
    "horizon_days": 14,
    "default_now": "1998-02-26T00:00:00Z",
    "licence": NOTICE,
    "catalogue": {"min_events": 1},
    "tables": {
        "items": {
            "item_id": {"role": "id"},
            "title": {"role": "title"},
            "genre": {"role": "category", "level": 1},
            "genres": {"role": "category", "level": 2},
            "decade": {"role": "categorical"},
            "release_year": {"role": "numeric"},
        },
        "users": {
            "user_id": {"role": "id"},
            "age": {"role": "numeric"},
            "gender": {"role": "categorical"},
            "occupation": {"role": "categorical"},
            "zip_region": {"role": "categorical"},
        },
        "events": {
            "user_id": {"role": "user"},
            "item_id": {"role": "item"},
            "kind": {"role": "kind"},
            "event_time": {"role": "time"},
            "stars": {"role": "value"},
        },
    },
}


def convert(out: Path, users: int, console: Console) -> None:
    """Writes the contract data set to `out`; `users` > 0 keeps that many, spread over the ids."""
    source = _source()
    console.print(NOTICE, style="dim")
    kept = _users(source, users)
    with replacing(out) as folder:
        _items(source).write_parquet(folder / "items.parquet")
        kept.write_parquet(folder / "users.parquet")
        rated = _events(source).join(kept.select("user_id"), on="user_id", how="semi")
        rated.sort("event_time", "user_id", "item_id").write_parquet(folder / "events.parquet")
        (folder / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION, sort_keys=False))
    console.print(f"{out}: {rated.height:,} ratings of {kept.height:,} users")


def _source() -> Path:
    folder = Path(sys.prefix) / FOLDER
    if not folder.is_dir():
        raise DataSetError(f"{folder} is missing; run `make env`, which unpacks recbole there")
    return folder


def _atomic(source: Path, kind: str) -> pl.DataFrame:
    """A table of recbole's form: tab separated, its header `name:type`; all as text."""
    frame = pl.read_csv(
        source / f"ml-100k.{kind}", separator="\t", quote_char=None, infer_schema=False
    )
    return frame.rename({column: column.partition(":")[0] for column in frame.columns})


def _items(source: Path) -> pl.DataFrame:
    """One film's year stands in its title; one film is nameless, in the source's spelling `unkonwn`."""
    in_title = pl.col("movie_title").str.extract(r"\((\d{4})\)$")
    year = pl.coalesce(pl.col("release_year").str.extract(r"^(\d{4})$"), in_title).cast(pl.Int32)
    genres = pl.when(pl.col("class") != "unknown").then("class")
    return (
        _atomic(source, "item")
        .select(
            item_id=pl.col("item_id").cast(pl.Int64),
            title=pl.col("movie_title").str.replace("^unkonwn$", "(no name)"),
            genre=genres.str.split(" ").list.first(),
            genres=genres,
            decade=pl.format("{}s", year // 10 * 10),
            release_year=year,
        )
        .sort("item_id")
    )


def _users(source: Path, users: int) -> pl.DataFrame:
    """The first digit of a zip code is a region of the United States; other codes are from elsewhere."""
    found = _atomic(source, "user").select(
        user_id=pl.col("user_id").cast(pl.Int64),
        age=pl.col("age").cast(pl.Int32),
        gender="gender",
        occupation="occupation",
        zip_region=pl.col("zip_code").str.extract(r"^(\d)\d{4}$").fill_null("elsewhere"),
    )
    if users:
        # A multiplicative hash spreads the subset over the ids, the same on every machine.
        found = found.sort((pl.col("user_id") * 2654435761) % 4294967296, "user_id").head(users)
    return found.sort("user_id")


def _events(source: Path) -> pl.DataFrame:
    seconds = pl.col("timestamp").cast(pl.Float64).cast(pl.Int64)
    return _atomic(source, "inter").select(
        user_id=pl.col("user_id").cast(pl.Int64),
        item_id=pl.col("item_id").cast(pl.Int64),
        kind=pl.lit("watch"),
        event_time=pl.from_epoch(seconds).dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
        stars=pl.col("rating").cast(pl.Float64),
    )

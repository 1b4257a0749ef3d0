"""Complete Journey's coupon campaigns: `python -m training.datasets.coupon_responses --out FOLDER`.

Writes `pairs.parquet`, a row a campaign and household that it was sent to, and `responses.yaml`. Nothing of
weeks 51 and 52 is looked at: campaigns that start then are left out, and of those that run into them only
what was redeemed before is known.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import yaml
from rich.console import Console
from rich.markup import escape

from training.datasets.complete_journey import NOTICE, package_data
from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.prepare.coupon_pairs import Mailings, pairs

NAME = "coupon_response"
UNTIL = datetime(2017, 12, 11, 5, tzinfo=UTC)  # week 51 begins
DAY_BEGINS = pl.duration(hours=5)  # of the source's days, in UTC


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.datasets.coupon_responses")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    console = Console()
    try:
        convert(given.out, console)
    except DataSetError as error:
        console.print(f"[red]data set:[/red] {escape(str(error))}")
        return 1
    return 0


def convert(out: Path, console: Console) -> None:
    """Writes the folder.

    Raises:
        DataSetError: the package is not installed.
    """
    source = package_data()
    console.print(NOTICE, style="dim")
    found = pairs(mailings(source), UNTIL)
    with replacing(out) as folder:
        found.write_parquet(folder / "pairs.parquet")
        described = {"name": NAME, "licence": NOTICE, "until": UNTIL.isoformat()}
        (folder / "responses.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    console.print(f"{out}: {found.height:,} mailings, {found['redeemed'].sum():,} redeemed")


def mailings(source: Path) -> Mailings:
    """The package's tables; dates are instants."""
    read = {path.stem: pl.scan_parquet(path) for path in source.glob("*.parquet")}
    return Mailings(
        campaigns=read["campaign_descriptions"]
        .select(
            "campaign_id",
            kind="campaign_type",
            start=_instant("start_date"),
            end=_instant("end_date") + pl.duration(days=1),
        )
        .collect(),
        sent=read["campaigns"].select("campaign_id", user_id="household_id").collect(),
        offered=read["coupons"]
        .select("campaign_id", coupon_id="coupon_upc", item_id="product_id")
        .unique()  # the source repeats some
        .collect(),
        redemptions=read["coupon_redemptions"]
        .select("campaign_id", user_id="household_id", time=_instant("redemption_date"))
        .collect(),
        purchases=read["transactions"]
        .filter(pl.col("quantity") > 0)
        .select(
            "basket_id",
            user_id="household_id",
            item_id="product_id",
            time=_utc("transaction_timestamp"),
            value="sales_value",
            with_coupon=pl.col("coupon_disc") > 0,
        )
        .filter(pl.col("time") < UNTIL)
        .collect(),
        items=read["products"].select(item_id="product_id", category="product_type").collect(),
        users=read["demographics"].rename({"household_id": "user_id"}).collect(),
    )


def _utc(column: str) -> pl.Expr:
    return pl.col(column).dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def _instant(column: str) -> pl.Expr:
    """The begin of the day."""
    return _utc(column) + DAY_BEGINS


if __name__ == "__main__":
    sys.exit(main())

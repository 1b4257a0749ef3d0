"""`python -m training.datasets.check`: exit codes, what is printed and what is written."""

import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.meta.imports import ROOT
from tests.unit.datasets.shops import Shop, shop
from training.datasets.check.__main__ import run
from training.datasets.check.shown import shown
from training.datasets.errors import DataSetError

NASTY = "[bold red]\x1b[31m\u202ekcatta\x00\n[/nothing]" + "x" * 10_000


def told(spoilt: Shop, tmp_path: Path, width: int = 100) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=width)
    code = run(spoilt.write(tmp_path / "brought"), tmp_path / "out", console)
    return code, console.file.getvalue()  # type: ignore[attr-defined]


def test_a_finding_tells_table_column_rule_rows_examples_and_what_was_done(tmp_path: Path) -> None:
    spoilt = shop().having("events", paid=pl.lit(-3.5))
    half = spoilt.replacing(
        "events", pl.concat([shop().tables["events"].tail(750), spoilt.tables["events"].head(750)])
    )
    code, said = told(half, tmp_path, 160)
    assert code == 0
    line = next(line for line in said.splitlines() if "is negative" in line)
    parts = [part.strip() for part in line.strip("│").split("│")]
    assert parts == ["events", "paid", "is negative", "750", "751: -3.5", "quarantined"]
    assert "events: 1,500 rows read, 750 accepted, 0 repeated, 750 quarantined" in said
    assert said.splitlines()[-1] == "Usable."


def test_quarantined_rows_keep_their_columns_and_say_why(tmp_path: Path) -> None:
    spoilt = shop().adding("events", {"event": "x", "paid": -1.0, "count": 0}).csv("events")
    told(spoilt, tmp_path)
    rows = pl.read_parquet(tmp_path / "out/quarantine/events.parquet")
    assert rows.columns == ["row", *spoilt.tables["events"].columns, "reasons"]
    (row,) = rows.to_dicts()
    assert (row["row"], row["event"], row["paid"]) == (1501, "x", "-1.0")
    assert row["reasons"] == ["count is not above 0", "paid is negative"]


def test_the_report_for_programs_holds_the_same(tmp_path: Path) -> None:
    told(shop().adding("events", {"event": "x", "paid": -1.0}), tmp_path)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert not report["refused"]
    (finding,) = report["findings"]
    assert finding == {
        "table": "events",
        "column": "paid",
        "rule": "is negative",
        "done": "quarantined",
        "rows": 1,
        "examples": [{"row": 1501, "value": "-1.0"}],
    }
    assert report["tables"][2] == {
        "table": "events",
        "read": 1501,
        "accepted": 1500,
        "repeated": 0,
        "quarantined": 1,
    }
    assert report["facts"]["catalogue_items"] == 60


def test_all_refusals_are_told_at_once(tmp_path: Path) -> None:
    spoilt = (
        shop()
        .having("items", item=pl.concat_list("item"))
        .having("events", at=pl.col("at").dt.replace_time_zone(None))
    )
    code, said = told(spoilt.described("users", street={"role": "categorical"}), tmp_path, 200)
    assert code == 1
    for words in ("is of the type List(String)", "carries no time zone", "no such column"):
        assert words in said
    assert said.splitlines()[-1] == "Refused for 3 reasons; see the table."
    assert list((tmp_path / "out/accepted").glob("*.yaml")) == []


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_a_cell_holds_can_not_break_the_table(tmp_path: Path, width: int) -> None:
    spoilt = shop().adding(
        "events", {"event": "x", "item": NASTY}, {"event": "y", "item": "אבג" * 99}
    )
    code, said = told(spoilt, tmp_path, width)
    assert code == 0
    assert not set("\x1b\x00\u202e") & set(said)
    assert "nothing]" not in said
    (found,) = {cell_len(line) for line in said.splitlines() if line.startswith("│")}
    assert found <= width


def test_a_shown_value_is_one_short_line() -> None:
    assert shown("a\tb\r\n\u2028") == "a\\u{9}b\\u{d}\\u{a}\\u{2028}"
    assert shown("x" * 33) == "x" * 31 + "…"
    assert shown("أب") == "\u2068أب\u2069"
    assert shown("👍🏽 [b]") == "👍🏽 [b]"


def test_a_csv_file_with_a_byte_order_mark_quotes_and_line_ends_of_both_kinds(
    tmp_path: Path,
) -> None:
    folder = shop().csv("items").write(tmp_path / "brought")
    text = (folder / "items.csv").read_text().replace("Thing 1,", '"Thing, ""1""\nof two lines",')
    (folder / "items.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert run(folder, tmp_path / "out", Console(quiet=True)) == 0
    titles = pl.read_parquet(tmp_path / "out/accepted/items.parquet")["title"].to_list()
    assert titles[1] == 'Thing, "1"\r\nof two lines'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "items.csv is empty; it needs a line of column names"),
        ("item,title\n1,Käse\n".encode("latin-1"), "items.csv is not in UTF-8; save it as CSV"),
        ("item,title\n1,Käse\n".encode("utf-16"), "items.csv is not in UTF-8; save it as CSV"),
        (b"PK\x03\x04\x00\x00", "items.csv is no CSV but a binary file"),
        (b"item;title;shelf;price\n1;a;b;2\n", "separated by semicolons, and commas are read"),
        (b"item,title\n1,2,3\n", "a line with more fields than its first one has names"),
        (b"item,title,shelf\n1,a,b\n", "price no such column; its columns are item, title, shelf"),
    ],
)
def test_a_csv_file_that_can_not_be_read_is_told_with_what_to_do(
    tmp_path: Path, content: bytes, said: str
) -> None:
    folder = shop().csv("items").write(tmp_path / "brought")
    (folder / "items.csv").write_bytes(content)
    assert run(folder, tmp_path / "out", Console(quiet=True)) == 1
    report = json.loads((tmp_path / "out/report.json").read_text())
    refusals = [f"{f['column']} {f['rule']}" for f in report["findings"] if f["done"] == "refused"]
    assert said in "; ".join(refusals)


def test_a_parquet_file_that_is_damaged_inside_is_told(tmp_path: Path) -> None:
    path = shop().write(tmp_path / "brought") / "events.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + b"\xff" * 200 + whole[500:])
    console = Console(file=io.StringIO(), width=160)
    assert run(tmp_path / "brought", tmp_path / "out", console) == 1
    report = json.loads((tmp_path / "out/report.json").read_text())
    (rule,) = (one["rule"] for one in report["findings"] if one["done"] == "refused")
    assert rule.startswith("events.parquet is damaged (")
    assert rule.endswith("write it anew")


def test_two_files_of_one_table_are_an_error(tmp_path: Path) -> None:
    folder = shop().write(tmp_path / "brought")
    shop().tables["items"].write_csv(folder / "items.csv")
    assert run(folder, tmp_path / "out", Console(quiet=True)) == 1
    assert (
        "both items.parquet and items.csv are in the folder"
        in (tmp_path / "out/report.json").read_text()
    )


def test_every_problem_of_the_description_is_told(tmp_path: Path) -> None:
    code, said = told(
        shop().saying(id_kind="uuid", horizon_days=0, time_zone="Mars"), tmp_path, 200
    )
    assert code == 1
    for words in ("id_kind is 'uuid'", "horizon_days is 0", "time_zone is 'Mars'"):
        assert words in said


@pytest.mark.parametrize("inside", [False, True])
def test_a_folder_that_is_no_earlier_check_is_not_replaced(tmp_path: Path, *, inside: bool) -> None:
    folder = shop().write(tmp_path / "brought")
    out = tmp_path if inside else tmp_path / "photos"
    out.mkdir(exist_ok=True)
    (out / "kept.txt").write_text("mine")
    with pytest.raises(DataSetError, match="holds something else than an earlier check"):
        run(folder, out, Console(quiet=True))
    assert (out / "kept.txt").read_text() == "mine"


def test_the_same_folder_twice_replaces_the_earlier_check(tmp_path: Path) -> None:
    folder = shop().adding("events", {"event": "x", "paid": -1.0}).write(tmp_path / "brought")
    assert run(folder, tmp_path / "out", Console(quiet=True)) == 0
    shop().write(folder)
    assert run(folder, tmp_path / "out", Console(quiet=True)) == 0
    assert not (tmp_path / "out/quarantine").exists()


def test_the_command_ends_with_1_and_a_sentence_where_there_is_no_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.datasets.check", "--out", tmp_path / "out", "--data"]
    done = subprocess.run(
        [*command, tmp_path / "nowhere"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "is no folder; DATA names one that holds dataset.yaml" in " ".join(done.stdout.split())
    assert done.stderr == ""

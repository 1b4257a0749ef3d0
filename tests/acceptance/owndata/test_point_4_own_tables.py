"""Anybody's own tables, from outside: the check of a nasty folder, and the guide's shop end to end."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.acceptance.made import Made, make_timed
from tests.e2e.asking import SECONDS, ids, recommend
from tests.e2e.system import ROOT, new_system, run_make
from tests.unit.datasets.guide import make_example
from tests.unit.datasets.shops import shop

FOLDER = (ROOT / "build" / "accept").resolve()
Measured = Callable[[str], None]
TOLD = ("is negative", "is not in items", "is there already", "has space", "not in dataset.yaml")


def check(folder: Path, out: Path) -> tuple[int, str]:
    done = run_make("data-check", f"DATA={folder}", f"CHECKED={out}", check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def bookshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The guide's own commands, on free ports."""
    data = make_example(tmp_path_factory.mktemp("guide"))
    state = FOLDER / "owndata"
    shutil.rmtree(state, ignore_errors=True)
    plain = new_system(state)
    system = replace(plain, variables=(*plain.variables, f"DATA={data}"))
    try:
        yield make_timed(system, "up")
    finally:
        system.make("clean", check=False)


def test_point_4a_every_problem_is_told_at_once(measured: Measured, tmp_path: Path) -> None:
    bad = (
        {"event": "a", "paid": -1.0},
        {"event": "b", "item": "nowhere"},
        {"event": "c", "user": ""},
        {"event": "d", "count": 0},
        {"event": "e0", "user": "u1", "item": "i2"},
    )
    nasty = shop().adding("events", *bad).adding("items", {"item": "i0"}, {"item": " i60 "})
    nasty = nasty.having("users", shoe_size=pl.lit(43))
    code, said = check(nasty.write(tmp_path / "nasty"), tmp_path / "out")
    assert code == 0
    report = json.loads((tmp_path / "out/report.json").read_text())
    rules = " ".join(finding["rule"] for finding in report["findings"])
    assert [words for words in TOLD if words not in rules] == []
    for finding in report["findings"]:
        assert finding["done"] in said
        assert finding["column"] in said
    aside = {t["table"]: t["quarantined"] for t in report["tables"] if t["quarantined"]}
    assert aside == {"events": len(bad), "items": 1}
    for table, count in aside.items():
        rows = pl.read_parquet(tmp_path / f"out/quarantine/{table}.parquet")
        assert rows.height == count
        assert rows["reasons"].list.len().min() > 0
    measured(f"{len(report['findings'])} findings, {sum(aside.values())} rows set aside")


def test_point_4b_what_can_not_be_used_is_refused_with_what_to_do(
    measured: Measured, tmp_path: Path
) -> None:
    mixed = shop().having("events", at=pl.col("at").dt.replace_time_zone(None))
    lists = mixed.having("items", title=pl.concat_list("title"))
    code, said = check(lists.write(tmp_path / "nasty"), tmp_path / "out")
    words = " ".join(said.replace("│", " ").split())
    assert code != 0
    assert "Refused for 2 reasons; see the table." in words
    report = json.loads((tmp_path / "out/report.json").read_text())
    told = [f["rule"] for f in report["findings"] if f["done"] == "refused"]
    assert any("add time_zone to dataset.yaml" in rule for rule in told)
    measured(told[0])


def test_point_4c_without_data_the_command_says_how_to_give_it(measured: Measured) -> None:
    done = run_make("data-check", check=False)
    assert done.returncode != 0
    assert "make data-check DATA=<folder>" in done.stderr
    measured(done.stderr.strip())


def test_point_4d_the_guides_two_csv_files_end_to_end(bookshop: Made, measured: Measured) -> None:
    assert "Data check of livraria" in bookshop.output
    assert "Volume" in bookshop.output
    assert pl.read_parquet(bookshop.state / "data-check/quarantine/events.parquet").height == 4
    measured(f"{bookshop.seconds:.0f} s, {bookshop.memory_gib:.2f} GiB")


def test_point_4e_a_string_id_is_answered_with_string_ids(
    bookshop: Made, measured: Measured
) -> None:
    with grpc.insecure_channel(bookshop.system.gateway) as channel:
        service = stubs.RecommendationServiceStub(channel)
        answer = service.Recommend(recommend("cliente-007", page_size=20), timeout=SECONDS)
        stranger = service.Recommend(recommend("ninguém-🙂", page_size=20), timeout=SECONDS)
    assert not answer.answer.cold_start
    assert stranger.answer.cold_start
    for one in (answer, stranger):
        assert len(set(ids(one))) == 20
        assert all(item.startswith("livro-") for item in ids(one))
    assert ids(answer) != ids(stranger)
    measured(f"cliente-007 gets {', '.join(ids(answer)[:3])}")


def test_point_4f_it_is_scored_beside_its_baselines(bookshop: Made, measured: Measured) -> None:
    said = bookshop.system.make("score").stdout
    assert "popularity" in said
    assert "personal decay" in said
    line = next(line for line in said.splitlines() if line.startswith("ndcg@10"))
    measured(" ".join(line.split()[:5]))


def test_point_4g_a_refused_folder_leaves_the_data_set_that_was_there(
    bookshop: Made, measured: Measured, tmp_path: Path
) -> None:
    before = (bookshop.state / "dataset/dataset.yaml").read_bytes()
    folder = shop().having("events", kind=pl.lit("click")).write(tmp_path / "clicks")
    variables = [v for v in bookshop.system.variables if not v.startswith("DATA=")]
    done = run_make("up", *variables, f"DATA={folder}", check=False)
    assert done.returncode != 0
    words = " ".join(done.stdout.split())
    assert "name the right ones in target_kinds of dataset.yaml" in words
    assert (bookshop.state / "dataset/dataset.yaml").read_bytes() == before
    measured("the earlier data set stays")

"""What the running gateway serves is at least personal decay, and is the offline figure."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl

from tests.acceptance.made import PYTHON, Made
from tests.e2e.system import ROOT
from tests.unit.training.evaluation.gateways import answering, page

END_OF_WEEK_48 = datetime(2017, 11, 27, 5, tzinfo=UTC)
END_OF_WEEK_50 = datetime(2017, 12, 11, 5, tzinfo=UTC)


def figures(document: dict) -> dict[tuple[str, str, str], float]:
    return {(m["task"], m["model"], m["metric"]): m["value"] for m in document["measurements"]}


def test_point_2a_served_quality(full: Made, measured: Callable[[str], None]) -> None:
    done = full.system.make("score", check=False)
    document = json.loads((full.state / "report" / "score.json").read_text())
    found = figures(document)
    served, offline, bar = (
        found["any", model, "ndcg@10"] for model in ("served", "offline", "personal_decay")
    )
    measured(f"any NDCG@10 served {served:.4f}, personal decay {bar:.4f}, offline {offline:.4f}")
    new = {m: found["new", m, "ndcg@10"] for m in ("served", "popularity")}
    measured(f"new NDCG@10 served {new['served']:.4f}, popularity {new['popularity']:.4f}")
    measured(f"{document['answers']['degraded']} of {document['answers']['count']} degraded")
    assert datetime.fromisoformat(document["now"]) == END_OF_WEEK_48
    assert document["users"]["any"] > 1600
    assert served >= bar
    assert abs(served - offline) <= 0.002
    # The command's own verdict, and that it shows what it judged by.
    assert done.returncode == 0, done.stdout[-3000:]
    for part in ("any", "new", "basket", "popularity", "decay"):
        assert part in done.stdout


def test_point_2b_score_exits_non_zero_when_it_can_not_score(
    quick: Made, measured: Callable[[str], None]
) -> None:
    quick.system.make("down")
    done = quick.system.make("score", check=False)
    quick.system.make("start")
    said = (done.stdout + done.stderr).splitlines()
    measured(next(line for line in said if line.startswith("score:")))
    assert done.returncode != 0


def test_point_2b_score_exits_non_zero_when_the_answers_are_worse(
    quick: Made, measured: Callable[[str], None]
) -> None:
    """A gateway that answers everybody with the same items, in the name of the current bundle."""
    bundle = (quick.state / "bundles" / "current").resolve().name
    catalogue = pl.read_parquet(quick.state / "prepared" / "catalogue.parquet")
    same = page(*catalogue["item_id"].head(20), bundle_id=bundle)

    async def scored() -> tuple[int, str]:
        async with answering(lambda _: same) as (endpoint, _):
            command = ("-m", "training.score", "--state", quick.state, "--endpoint", endpoint)
            process = await asyncio.create_subprocess_exec(
                PYTHON,
                *command,
                cwd=ROOT,
                env={"RECSERVE_TRAINING_PROFILE": "full", "COLUMNS": "200"},
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await process.communicate()
            return int(process.returncode or 0), said.decode()

    code, said = asyncio.run(scored())
    failed = [line for line in said.splitlines() if line.startswith("FAILS")]
    measured("; ".join(failed))
    assert code == 1
    assert len(failed) == 2


def test_point_2c_the_last_fortnight_was_scored_once(measured: Callable[[str], None]) -> None:
    lines = (ROOT / "docs" / "final_runs.jsonl").read_text().splitlines()
    runs = [json.loads(line) for line in lines if line]
    codes = [(run["code"], run["dataset"]) for run in runs]
    assert runs
    assert len(set(codes)) == len(codes)
    for run in runs:
        assert datetime.fromisoformat(run["now"]) == END_OF_WEEK_50
    found = figures(runs[-1])
    served, bar = (found["any", model, "ndcg@10"] for model in ("served", "personal_decay"))
    measured(f"{len(runs)} runs; last any NDCG@10 {served:.4f}, personal decay {bar:.4f}")

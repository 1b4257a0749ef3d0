"""`make bench-search`: what is said of speed, beside the engine alone and bm25s."""

import json
from collections.abc import Callable

from tests.e2e.system import ROOT, run_make


def test_point_4_search_by_catalogue_size(measured: Callable[[str], None]) -> None:
    run_make("bench-search")
    found = json.loads((ROOT / "build/bench/search.json").read_text())
    rows = {row["name"]: row for row in found}
    told = []
    for items in (10_000, 100_000, 1_000_000):
        for name in (
            f"search.lexical.{items}",
            f"search.lexical.{items}.p99",
            f"search.index.{items}",
        ):
            assert rows[name]["value"] > 0
        assert rows[f"search.lexical.{items}.vs_bm25s"]["baseline"] == "bm25s"
        one = rows[f"search.lexical.{items}"]
        times = one["value"] / one["baseline_value"]
        told.append(f"{items:,}: {one['value']:.2f} ms, {times:.2f} times the engine's own")
        assert times <= 2
    measured("; ".join(told))

"""Features at memory speed and events that are acknowledged: what `make bench-features` prints."""

from collections.abc import Callable

from tests.e2e.system import ROOT, run_make
from tests.load.figures import read_figures

FIGURES = ROOT / "build/bench/features.json"
PROFILE = ROOT / "build/bench/features-profile.txt"
PROMISED = (
    "features.read.500",
    "features.read.1000",
    "features.read.5000",
    "features.read.500.p99_of_8_readers",
    "features.read.vs_feast",
    "features.memory.user",
    "features.memory.item",
    "features.memory.item.snapshot",
    "events.ingest.rate.1",
    "events.ingest.acknowledge.p50",
    "events.ingest.acknowledge.p99",
    "events.ingest.visible.own_token.p99",
    "events.ingest.visible.others.p99",
)


def test_point_bench_every_figure_is_measured_and_a_miss_is_explained(
    measured: Callable[[str], None],
) -> None:
    for path in (FIGURES, PROFILE):
        path.unlink(missing_ok=True)
    run_make("bench-features")
    figures = {figure.name: figure for figure in read_figures(FIGURES)}
    assert set(PROMISED) <= set(figures)
    for figure in figures.values():
        beside = "" if figure.ratio is None else f" ({figure.ratio:g} x of {figure.baseline})"
        word = "" if figure.target is None else f", target {figure.target:g}"
        measured(f"{figure.name} {figure.value:g} {figure.unit}{beside}{word}")
    profile = PROFILE.read_text()
    summary = profile.splitlines()[0]
    assert "ncalls" in profile
    unexplained = [
        figure.name
        for figure in figures.values()
        if figure.missed and summary not in figure.conditions
    ]
    assert unexplained == []

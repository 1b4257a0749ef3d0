"""What a benchmark found, as one file: build/bench/<target>.json (docs/bench.md)."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure beside one baseline; `ratio` says how many times better than it, bigger is better.

    `target` is the least `ratio` that is wanted. Without a baseline both its figures are None.
    """

    name: str
    value: float
    unit: str
    baseline: str | None
    baseline_value: float | None
    ratio: float | None
    target: float | None
    conditions: str

    @property
    def missed(self) -> bool:
        return self.target is not None and (self.ratio is None or self.ratio < self.target)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a figure stands beside."""

    name: str
    value: float


def lower(
    name: str,
    value: float,
    unit: str,
    baseline: Baseline | None,
    conditions: str,
    target: float | None = None,
) -> Figure:
    """Of a measure where less is better, such as a time."""
    ratio = baseline.value / value if baseline else None
    return _figure(name, value, unit, baseline, ratio, target, conditions)


def higher(
    name: str,
    value: float,
    unit: str,
    baseline: Baseline | None,
    conditions: str,
    target: float | None = None,
) -> Figure:
    """Of a measure where more is better, such as a rate."""
    ratio = value / baseline.value if baseline else None
    return _figure(name, value, unit, baseline, ratio, target, conditions)


def _figure(
    name: str,
    value: float,
    unit: str,
    baseline: Baseline | None,
    ratio: float | None,
    target: float | None,
    conditions: str,
) -> Figure:
    beside = (baseline.name, _short(baseline.value)) if baseline else (None, None)
    shown = None if ratio is None else _short(ratio)
    return Figure(name, _short(value), unit, *beside, shown, target, conditions)


def _short(value: float) -> float:
    """Four digits: a run says no more."""
    return float(f"{value:.4g}")


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """Replaces the file, whole or not at all.

    Raises:
        ValueError: two figures of one name, or a number that is none.
    """
    names = [figure.name for figure in figures]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"measured twice: {', '.join(twice)}")
    strange = [f.name for f in figures if not all(map(math.isfinite, _numbers(f)))]
    if strange:
        raise ValueError(f"no finite numbers: {', '.join(strange)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    beside.replace(path)


def read_figures(path: Path) -> list[Figure]:
    return [Figure(**described) for described in json.loads(path.read_text())]


def table(figures: Iterable[Figure]) -> str:
    """For people: a line a figure."""
    lines = [f"{'measure':<38}{'value':>12} {'unit':<9}{'baseline':>12}{'ratio':>9}{'target':>8}"]
    for f in figures:
        word = "" if f.target is None else ("  missed" if f.missed else "  met")
        beside = f"{_shown(f.baseline_value):>12}{_shown(f.ratio):>9}{_shown(f.target):>8}"
        lines.append(f"{f.name:<38}{f.value:>12g} {f.unit:<9}{beside}{word}")
    return "\n".join(lines)


def _numbers(figure: Figure) -> list[float]:
    return [n for n in (figure.value, figure.baseline_value, figure.ratio) if n is not None]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"

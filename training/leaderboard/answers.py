"""What an entrant of the leaderboard answered at one cut-off, and the file that keeps it.

A file is `<folder>/<data set>/<period>/<model>.<seed>.npz`: item keys are kept once and named by their
places, so that a page of 500 for each of 2,000 people takes 2 MB and is read in milliseconds.
"""

import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.atomic import replacing_file
from training.errors import AnswersError

DEEPEST = 500  # places of a page
SUFFIX = ".npz"
NAME = re.compile(r"([a-z][a-z0-9_]*)\.(\d+)")
NO_INTEGERS = np.zeros(0, dtype=np.int64)
NO_FLOATS = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Answers:
    """Pages for U people, and probabilities of R (person, candidate) pairs where the model gives any.

    A page's places are item keys, best first, -1 where there are fewer, no item twice. `basket` is answered
    by the page `any`.
    """

    user_ids: pl.Series  # (U,) integers or strings, everybody who was asked for, once
    any: NDArray[np.int64]  # (U, K), K up to DEEPEST
    new: NDArray[np.int64]  # (U, K) without what the person had before
    seconds: float  # of fitting and answering
    pair_user: NDArray[np.int64] = field(
        default_factory=lambda: NO_INTEGERS
    )  # (R,) places of user_ids
    pair_item: NDArray[np.int64] = field(default_factory=lambda: NO_INTEGERS)  # (R,) item keys
    probability: NDArray[np.float32] = field(default_factory=lambda: NO_FLOATS)  # (R,)

    @property
    def has_pairs(self) -> bool:
        return len(self.pair_user) > 0


def path_of(folder: Path, dataset: str, period: str, model: str, seed: int) -> Path:
    return folder / dataset / period / f"{model}.{seed}{SUFFIX}"


def found(folder: Path) -> dict[str, list[int]]:
    """Model to seeds, both ascending, of the files of one period's folder."""
    names = [NAME.fullmatch(path.stem) for path in folder.glob(f"*{SUFFIX}")]
    seeds: dict[str, list[int]] = {}
    for model, seed in sorted((m[1], int(m[2])) for m in names if m):
        seeds.setdefault(model, []).append(seed)
    return seeds


def save(path: Path, answers: Answers, given: str = "") -> None:
    """Writes the file whole or not at all; `given` says by which parameters they were made.

    Raises:
        AnswersError: the answers can't be judged; everything that is wrong is named.
    """
    wrong = problems(answers)
    if wrong:
        raise AnswersError(f"{path}: {'; '.join(wrong)}")
    pages = (answers.any.ravel(), answers.new.ravel(), answers.pair_item)
    items, places = np.unique(np.concatenate(pages), return_inverse=True)
    places = places.astype(np.uint16 if len(items) <= 2**16 else np.uint32)
    one, two = answers.any.size, answers.any.size + answers.new.size
    with replacing_file(path) as fresh, fresh.open("wb") as file:
        np.savez(
            file,
            user_ids=answers.user_ids.to_numpy().astype(_kind(answers.user_ids)),
            items=items,
            any=places[:one].reshape(answers.any.shape),
            new=places[one:two].reshape(answers.new.shape),
            pair_item=places[two:],
            pair_user=answers.pair_user.astype(np.uint32),
            probability=answers.probability,
            seconds=np.float64(answers.seconds),
            given=np.array(given),
        )


def given_of(path: Path) -> str:
    """By which parameters a file's answers were made.

    Raises:
        AnswersError: it is no file of answers that says so.
    """
    try:
        with path.open("rb") as file, np.load(file) as kept:
            return str(kept["given"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise AnswersError(f"{path} does not say what it comes from: {error}; remove it") from error


def load(path: Path) -> Answers:
    """Reads the file.

    Raises:
        AnswersError: it is missing or no file of answers.
    """
    try:
        with path.open("rb") as file, np.load(file) as kept:
            items = kept["items"]
            return Answers(
                pl.Series(kept["user_ids"]),
                items[kept["any"]],
                items[kept["new"]],
                float(kept["seconds"]),
                kept["pair_user"].astype(np.int64),
                items[kept["pair_item"]],
                kept["probability"],
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise AnswersError(f"{path} holds no answers: {error}; remove it") from error


def problems(answers: Answers) -> list[str]:
    """Everything that keeps the answers from being judged."""
    found = [
        problem for name in ("any", "new") for problem in _page_problems(answers, name)
    ] + _pair_problems(answers)
    if answers.user_ids.null_count() or answers.user_ids.n_unique() != len(answers.user_ids):
        found.append("user_ids holds a null, or somebody twice")
    if not answers.user_ids.dtype.is_integer() and answers.user_ids.dtype != pl.String:
        found.append(f"user_ids is {answers.user_ids.dtype}, not integers or strings")
    if not (np.isfinite(answers.seconds) and answers.seconds >= 0):
        found.append(f"seconds is {answers.seconds}, not 0 or more")
    return found


def _page_problems(answers: Answers, name: str) -> list[str]:
    page: NDArray[np.int64] = getattr(answers, name)
    if page.ndim != 2 or len(page) != len(answers.user_ids) or page.dtype != np.int64:
        wanted = f"int64 ({len(answers.user_ids)}, K)"
        return [f"{name} is {page.dtype} {page.shape}, not {wanted}"]
    if page.shape[1] > DEEPEST:
        return [f"{name} has {page.shape[1]} places, more than {DEEPEST}"]
    ordered = np.sort(page, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    gaps = (page[:, :-1] < 0) & (page[:, 1:] >= 0)
    return [
        *([f"{name} names an item twice for {twice.any(1).sum()} people"] if twice.any() else []),
        *([f"{name} has an item after a -1 for {gaps.any(1).sum()} people"] if gaps.any() else []),
    ]


def _pair_problems(answers: Answers) -> list[str]:
    sizes = {len(answers.pair_user), len(answers.pair_item), len(answers.probability)}
    if len(sizes) > 1:
        return [f"pair_user, pair_item and probability have {sorted(sizes)} rows, not as many each"]
    if not answers.has_pairs:
        return []
    inside = (answers.pair_user >= 0) & (answers.pair_user < len(answers.user_ids))
    likely = (answers.probability >= 0) & (answers.probability <= 1)
    both = np.stack([answers.pair_user, answers.pair_item])
    repeated = both.shape[1] - np.unique(both, axis=1).shape[1] if inside.all() else 0
    return [
        *([f"pair_user names {np.sum(~inside)} places out of range"] if not inside.all() else []),
        *([f"{np.sum(~likely)} probabilities are not from 0 to 1"] if not likely.all() else []),
        *([f"{repeated} pairs stand there twice"] if repeated else []),
    ]


def _kind(user_ids: pl.Series) -> str:
    return "int64" if user_ids.dtype.is_integer() else "str"

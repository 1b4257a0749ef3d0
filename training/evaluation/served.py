"""What the running gateway recommends to the users of a held-out horizon."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from recserve.v1 import recommendation_service_pb2 as pb

from serving.features.keys import NULL_KEY, id_key
from training.evaluation.gateway_client import Answered, degradation, recommend_all
from training.evaluation.held_out import SAME_PAGE, Targets, rows_of

PAGE = 20


@dataclass(frozen=True, slots=True)
class Served:
    """The answers to all tasks, with what they say about themselves."""

    slates: Mapping[str, NDArray[np.int64]]  # task: (U, PAGE) item keys, -1 where there are fewer
    answers: int
    degraded: int
    degradations: Mapping[str, int]  # "stage: reason, action": answers
    cold_starts: int
    bundles: tuple[str, ...]
    snapshots: tuple[str, ...]
    milliseconds: NDArray[np.float64]  # (answers,) as the caller waited


def requests(
    targets: Mapping[str, Targets], surface: pb.Surface
) -> dict[str, list[pb.RecommendRequest]]:
    """Task to one request a user, those tasks alone that have a page of their own."""
    return {
        task: [_request(user, surface, new=task == "new") for user in one.user_ids.to_list()]
        for task, one in targets.items()
        if task not in SAME_PAGE
    }


def ask(
    endpoint: str,
    targets: Mapping[str, Targets],
    id_kind: str,
    surface: pb.Surface,
    answered: Callable[[], None],
) -> Served:
    """Asks for every user of every task.

    Raises:
        GatewayError: the gateway isn't there, or a request failed.
    """
    asked = requests(targets, surface)
    every = [one for task in asked for one in asked[task]]
    answers = asyncio.run(recommend_all(endpoint, every, answered))
    slates: dict[str, NDArray[np.int64]] = {}
    start = 0
    for task, of_task in asked.items():
        slates[task] = _keys(answers[start : start + len(of_task)], id_kind)
        start += len(of_task)
    for task, page in SAME_PAGE.items():
        slates[task] = slates[page][rows_of(targets[task].user_ids, targets[page].user_ids)]
    return _served(slates, answers)


def _request(user: object, surface: pb.Surface, *, new: bool) -> pb.RecommendRequest:
    return pb.RecommendRequest(
        user_id=str(user),
        surface=surface,
        page_size=PAGE,
        exclude_purchased=new,
        consent=pb.Consent(personalization=True),
    )


def _keys(answers: Sequence[Answered], id_kind: str) -> NDArray[np.int64]:
    keys = np.full((len(answers), PAGE), NULL_KEY, dtype=np.int64)
    for row, one in zip(keys, answers, strict=True):
        found = [id_key(item.item_id, id_kind) for item in one.response.items[:PAGE]]
        row[: len(found)] = [NULL_KEY if key is None else key for key in found]
    return keys


def _served(slates: Mapping[str, NDArray[np.int64]], answers: Sequence[Answered]) -> Served:
    told = [one.response.answer for one in answers]
    reasons = Counter(
        text for answer in told for text in {degradation(d) for d in answer.degradations}
    )
    return Served(
        slates,
        len(told),
        sum(bool(answer.degradations) for answer in told),
        dict(reasons.most_common()),
        sum(answer.cold_start for answer in told),
        tuple(sorted({answer.bundle_id for answer in told})),
        tuple(sorted({answer.snapshot_version for answer in told})),
        np.array([one.milliseconds for one in answers]),
    )

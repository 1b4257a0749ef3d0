import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2 as pb

from serving.features.keys import string_key
from tests.unit.training.evaluation.gateways import Rule, answering, page
from training.evaluation.held_out import Targets
from training.evaluation.served import PAGE, ask, requests
from training.ragged import Ragged


def targets(task: str, users: list[object]) -> Targets:
    items = Ragged(np.ones(len(users), np.int64), np.arange(len(users) + 1), -1)
    return Targets(task, pl.Series(users), items)


PRODUCT = pb.SURFACE_PRODUCT
ASKED = {
    "any": targets("any", [3, 4, 5]),
    "new": targets("new", [4]),
    "basket": targets("basket", [5, 3]),
}


@contextmanager
def running(rule: Rule) -> Iterator[str]:
    """The gateway in a thread of its own, as `ask` brings its own loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = answering(rule)
    try:
        endpoint, _ = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        yield endpoint
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_everybody_is_asked_with_consent_and_new_without_their_history() -> None:
    asked = requests(ASKED, pb.SURFACE_CONTENT)
    assert [r.user_id for r in asked["any"]] == ["3", "4", "5"]
    assert [r.exclude_purchased for r in asked["any"] + asked["new"]] == [False] * 3 + [True]
    for one in asked["any"] + asked["new"]:
        assert one.consent.personalization
        assert one.page_size == PAGE
        assert one.surface == pb.SURFACE_CONTENT


def test_one_page_answers_everything_and_the_first_basket() -> None:
    assert "basket" not in requests(ASKED, PRODUCT)
    with running(lambda r: page(f"{r.user_id}0", f"{r.user_id}1")) as endpoint:
        found = ask(endpoint, ASKED, "integer", PRODUCT, lambda: None)
    assert found.slates["any"][:, :3].tolist() == [[30, 31, -1], [40, 41, -1], [50, 51, -1]]
    assert found.slates["new"][:, 0].tolist() == [40]
    assert found.slates["basket"][:, 0].tolist() == [50, 30]
    assert found.answers == 4
    assert found.bundles == ("b1",)


def test_degraded_and_cold_answers_are_counted_by_kind() -> None:
    late = pb.Degradation(
        stage="rank",
        reason=pb.DEGRADATION_REASON_TIMEOUT,
        action=pb.DEGRADATION_ACTION_UNRANKED,
    )
    with running(
        lambda r: page("1", cold_start=r.user_id == "3", degradations=[late] * (r.user_id == "4"))
    ) as endpoint:
        found = ask(endpoint, ASKED, "integer", PRODUCT, lambda: None)
    assert found.degraded == 2  # user 4, in two tasks
    assert found.degradations == {"rank: timeout, unranked": 2}
    assert found.cold_starts == 1


@pytest.mark.parametrize(("kind", "key"), [("integer", -1), ("string", string_key("x"))])
def test_ids_become_keys_by_the_kind_of_the_data_set(kind: str, key: int) -> None:
    with running(lambda _: page("x")) as endpoint:
        found = ask(endpoint, ASKED, kind, PRODUCT, lambda: None)
    assert found.slates["any"][0, 0] == key

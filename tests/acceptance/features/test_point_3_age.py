"""No value that is too old goes unmarked, answers tell the oldest age, and states are counted by view."""

import urllib.request
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families
from recserve.v1 import recommendation_service_pb2 as pb

from tests.acceptance.features.conftest import Running
from tests.acceptance.features.feast_writer import FeastWriter
from tests.e2e.asking import SECONDS
from tests.e2e.patience import eventually

STALE = pb.DEGRADATION_REASON_STALE


def stale(answer: pb.Answer) -> set[tuple[str, str]]:
    return {(d.stage, d.detail.split(" ")[0]) for d in answer.degradations if d.reason == STALE}


def states(running: Running, view: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{running.made.system.http}/metrics", timeout=SECONDS) as page:
        families = list(text_string_to_metric_families(page.read().decode()))
    return {
        sample.labels["state"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "recserve_features_total" and sample.labels["view"] == view
    }


def pushed_old(running: Running, writer: FeastWriter, view: str, key: int) -> float:
    """A row of a new item or person, one hour past its view's maximum age; its age in seconds."""
    plan = running.bundle.plan.views[view]
    age_s = plan.max_age_s + 3600
    row = running.row(view) | {plan.join_key: key}
    writer.write(view, [row], running.now_s() - age_s)
    writer.returned()
    return age_s


def test_point_3a_a_stale_item_is_marked_and_its_age_told(
    running: Running, writer: FeastWriter, new_id: int, measured: Callable[[str], None]
) -> None:
    age_s = pushed_old(running, writer, "item_activity", new_id)
    fresh = running.rank(str(running.row("item_profile")["item_id"]))
    assert stale(fresh.answer) == set()
    assert fresh.answer.HasField("oldest_feature_age_s")
    counted = states(running, "item_activity").get("stale", 0)
    answer = running.rank(str(new_id))
    assert ("gather", "item_activity") in stale(answer.answer)
    assert abs(answer.answer.oldest_feature_age_s - age_s) < 60
    assert states(running, "item_activity")["stale"] > counted
    assert states(running, "item_profile")["missing"] > 0  # it has no profile
    measured(f"{answer.answer.oldest_feature_age_s / 86_400:.1f} days told of a row too old")


def test_point_3b_a_stale_person_is_marked(
    running: Running, writer: FeastWriter, new_id: int, measured: Callable[[str], None]
) -> None:
    age_s = pushed_old(running, writer, "user_activity", new_id)
    asked = pb.RecommendRequest(
        surface=pb.SURFACE_PRODUCT,
        user_id=str(new_id),
        consent=pb.Consent(personalization=True),
    )
    answer = running.stub.Recommend(asked, timeout=SECONDS)
    assert ("hydrate", "user_activity") in stale(answer.answer)
    assert abs(answer.answer.oldest_feature_age_s - age_s) < 60
    assert states(running, "user_activity")["stale"] >= 1
    measured("a person's row too old is marked, and counted")


def test_point_3c_a_filter_on_a_stale_value_is_marked(
    running: Running, writer: FeastWriter, new_id: int, measured: Callable[[str], None]
) -> None:
    plan = running.bundle.plan.views["item_activity"]
    row = running.row("item_activity") | {"item_id": new_id, "popularity": 9e9}
    writer.write("item_activity", [row], running.now_s() - plan.max_age_s - 3600)
    writer.returned()
    only = [pb.Filter(field="popularity", minimum=8e9)]
    asked = pb.RecommendRequest(surface=pb.SURFACE_PRODUCT, filters=only)

    def found() -> pb.RecommendResponse | None:
        answer = running.stub.Recommend(asked, timeout=SECONDS)
        return answer if answer.items else None

    answer = eventually(found, "the item by its value")
    assert ("filter", "item_activity") in stale(answer.answer)
    measured("the filter says that it went by a value too old")


def test_point_3d_states_are_counted_by_view(
    running: Running, writer: FeastWriter, new_id: int, measured: Callable[[str], None]
) -> None:
    row = running.row("item_activity")
    empty = dict.fromkeys(row) | {"item_id": new_id}
    writer.write("item_activity", [row, empty], running.now_s())
    writer.returned()
    counted = states(running, "item_activity").get("null", 0)
    running.rank(str(new_id))
    found = states(running, "item_activity")
    assert found["null"] > counted
    assert {"present", "null"} <= set(found)
    measured(", ".join(f"{state} {number:.0f}" for state, number in sorted(found.items())))

"""Each field's comment is its contract: required or not, unit, range, default, what happens past it."""

from dataclasses import replace

import pytest

from protos.descriptors import Api, read_api, short
from tests.meta.proto_rules import problems, resolved


@pytest.fixture(scope="module")
def api() -> Api:
    return read_api()


def test_every_field_states_its_contract(api: Api) -> None:
    assert problems(api) == []


def test_the_rules_reach_all_that_callers_send_and_get(api: Api) -> None:
    requests = {short(m.full_name) for m in api.requests()}
    assert requests >= {"RecommendRequest", "Consent", "Context", "Filter", "Event"}
    responses = {short(m.full_name) for m in api.responses()}
    assert responses >= {"Answer", "StageTiming", "Contribution", "FilterField"}
    assert not {"RequestLogEntry", "LoggedEvent"} & (requests | responses)


@pytest.mark.parametrize(
    ("field", "comment", "problem"),
    [
        (
            "Consent.logging",
            "Keep it. Default false.",
            "does not begin with Required. or Optional.",
        ),
        ("Filter.exclude", "Optional. True leaves out.", "states no default"),
        (
            "RecommendRequest.page_size",
            "Optional. How many, 0 means 10; more is INVALID_ARGUMENT.",
            "states no range",
        ),
        (
            "Event.event_time",
            "Required. When it was done; otherwise INVALID_ARGUMENT.",
            "states no range",
        ),
        (
            "Event.slot",
            "Optional. 0 to 999; otherwise INVALID_ARGUMENT. Absent: not known.",
            "states no unit",
        ),
        (
            "Event.event_id",
            "Required. The event; a longer one is INVALID_ARGUMENT.",
            "states no limit",
        ),
        (
            "Filter.any_of",
            "Optional. At most 100 texts; more is INVALID_ARGUMENT. Default: none.",
            "states no limit of number or of length",
        ),
        (
            "RecordEventsRequest.events",
            "Required. At most 500.",
            "does not say what happens at the limit",
        ),
        (
            "Context.device",
            "Optional. The device. Default UNSPECIFIED: unknown.",
            "does not say what happens at the limit",
        ),
        (
            "RankRequest.user_id",
            "Optional. As in RecommendRequest.user.",
            "refers to RecommendRequest.user, which there is not",
        ),
        ("SourceCount.count", "Candidates.", "states neither range nor unit"),
        (
            "StageTiming.duration_ms",
            "Time, 0 or more.",
            "does not name the unit that its name ends in",
        ),
    ],
)
def test_a_planted_gap_is_noticed(api: Api, field: str, comment: str, problem: str) -> None:
    assert problems(planted(api, field, comment)) == [f"{field}: {problem}"]


def test_a_gap_shows_in_each_field_that_refers_to_it(api: Api) -> None:
    told = problems(planted(api, "RecommendRequest.request_id", "Optional. The caller's id."))
    fields = {one.partition(":")[0] for one in told}
    assert fields == {f.full_name.removeprefix("recserve.v1.") for f in request_ids(api)}


def test_a_field_says_what_the_one_says_that_it_is_like(api: Api) -> None:
    said = resolved("RankRequest.user_id", api)
    assert said.endswith(api.comments["RecommendRequest.user_id"])


def planted(api: Api, field: str, comment: str) -> Api:
    return replace(api, comments={**api.comments, field: comment})


def request_ids(api: Api) -> list[object]:
    return [f for m in api.requests() for f in m.fields if f.name == "request_id"]

"""What the clients send."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf.message import Message
from recserve.client import Consent, Context, Device, Event, Filter, Surface, calls

EVERYTHING = Consent(personalization=True, logging=True)
CONTEXT = Context(
    session_id="s", placement_id="home-top", device=Device.PHONE, language_code="pt-BR"
)
FILTERS = [
    Filter("department", ("GROCERY", "DRUG"), exclude=True),
    Filter("price", minimum=0.0, maximum=5),
]
EVENT = Event(
    event_id="e",
    user_id="u",
    item_id="i",
    kind="click",
    event_time=datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=-3))),
    group_id="g",
    quantity=2,
    value=0.0,
    request_token="t",
    slot=0,
)
FULL = {
    "recommend": calls.recommend(
        Surface.AD,
        user_id="u",
        page_size=7,
        exclude_purchased=True,
        exclude_item_ids=["x"],
        consent=EVERYTHING,
        request_id="r",
        context=CONTEXT,
        filters=FILTERS,
        seed_item_ids=("y",),
        explain=True,
        event_token="et",
    ),
    "rank": calls.rank(
        Surface.CONTENT,
        ["a", "b"],
        user_id="u",
        consent=EVERYTHING,
        request_id="r",
        context=CONTEXT,
        explain=True,
        event_token="et",
    ),
    "similar": calls.similar(
        "a", page_size=7, exclude_item_ids=["x"], request_id="r", filters=FILTERS
    ),
    "search": calls.search(
        "q",
        user_id="u",
        page_size=7,
        page_token="pt",
        filters=FILTERS,
        facet_fields=["department"],
        order_by="price desc",
        consent=EVERYTHING,
        request_id="r",
        context=CONTEXT,
        event_token="et",
    ),
    "suggest": calls.suggest("t", page_size=7, request_id="r"),
    "record": calls.record([EVENT], consent=EVERYTHING, request_id="r"),
}


@pytest.mark.parametrize("name", FULL)
def test_every_field_of_a_request_can_be_said(name: str) -> None:
    assert _unsaid(FULL[name].request) == []


def test_values_arrive_as_given() -> None:
    request: Any = FULL["recommend"].request
    assert (request.surface, request.page_size, list(request.seed_item_ids)) == (3, 7, ["y"])
    assert request.context.device == 2
    assert list(request.filters[0].any_of) == ["GROCERY", "DRUG"]
    assert not request.filters[0].HasField("minimum")
    assert (request.filters[1].minimum, request.filters[1].maximum) == (0, 5)


def test_what_is_not_said_is_not_sent() -> None:
    request: Any = calls.recommend(Surface.PRODUCT).request
    assert [field.name for field, _ in request.ListFields()] == ["surface", "consent"]
    assert request.consent.ListFields() == []


def test_an_event_keeps_its_instant_in_any_zone() -> None:
    request: Any = FULL["record"].request
    sent = request.events[0].event_time.ToDatetime(tzinfo=UTC)
    assert sent == datetime(2026, 3, 1, 15, tzinfo=UTC)


def test_an_event_has_an_id_that_stays() -> None:
    one, other = (
        Event(user_id="u", item_id="i", kind="click", event_time=datetime.now(UTC)) for _ in "ab"
    )
    assert one.event_id != other.event_id
    first, second = (calls.record([one]).request for _ in "ab")
    assert first == second


def test_an_event_without_a_time_zone_is_refused() -> None:
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="event_time 2026-03-01T00:00:00 has no time zone"):
        Event(user_id="u", item_id="i", kind="click", event_time=naive)


@pytest.mark.parametrize("name", ["exclude_item_ids", "seed_item_ids"])
def test_one_text_is_not_taken_letter_by_letter(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is the text 'abc'"):
        calls.recommend(Surface.PRODUCT, **{name: "abc"})  # type: ignore[arg-type]


def test_one_text_in_a_filter_is_not_taken_letter_by_letter() -> None:
    wrong = Filter("department", "GROCERY")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="any_of is the text 'GROCERY'"):
        calls.similar("1", filters=[wrong])


def _unsaid(message: Message, path: str = "") -> list[str]:
    """Fields that are nowhere set in the message or in what it holds."""
    said = {field.name: value for field, value in message.ListFields()}
    found = [path + f.name for f in message.DESCRIPTOR.fields if f.name not in said]
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.file.package != "recserve.v1":
            continue
        parts = value if field.is_repeated else [value]
        unsaid = [set(_unsaid(part, f"{path}{field.name}.")) for part in parts]
        found += sorted(set.intersection(*unsaid))
    return [f for f in found if not f.startswith("events.event_time.")]

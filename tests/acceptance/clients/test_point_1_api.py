"""The API, finished for the whole product, as another service meets it."""

import subprocess
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import event_service_pb2_grpc as event_stubs
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs
from recserve.v1 import status_service_pb2 as status_pb
from recserve.v1 import status_service_pb2_grpc as status_stubs

from tests.acceptance.made import PYTHON, Made, run
from tests.e2e.asking import SECONDS, ids
from tests.e2e.system import ROOT
from training.demo import lively_user
from training.evaluation.held_out import read_purchases

Note = Callable[[str], None]
ALL = pb.Consent(personalization=True, logging=True)
OFFERS = (pb.SURFACE_AD, pb.SURFACE_MEMBERSHIP_OFFER, pb.SURFACE_PROMOTION)
# Filled only when something goes wrong; tests/unit/serving/rpc/test_wire.py fills them.
OF_FAILURES = {"Answer.degradations"} | {
    f"Degradation.{name}" for name in pb.Degradation.DESCRIPTOR.fields_by_name
}
# Filled for the moment between a push and the worker's hearing of it; see point 2c of the features.
OF_A_MOMENT = {"RankResponse.stored_item_ids"}


@pytest.fixture
def channel(generated_shop: Made) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(generated_shop.system.gateway) as channel:
        yield channel


@pytest.fixture
def service(channel: grpc.Channel) -> stubs.RecommendationServiceStub:
    return stubs.RecommendationServiceStub(channel)


@pytest.fixture(scope="module")
def known(generated_shop: Made) -> str:
    """Somebody with a lively history."""
    purchases = read_purchases(generated_shop.state)
    return lively_user(purchases, purchases["time"].max())


def asked(surface: int = pb.SURFACE_PRODUCT, **fields: object) -> pb.RecommendRequest:
    whole = {"surface": surface, "consent": ALL, "page_size": 10}
    return pb.RecommendRequest(**(whole | fields))


def status(channel: grpc.Channel) -> status_pb.GetStatusResponse:
    stub = status_stubs.StatusServiceStub(channel)
    return stub.GetStatus(status_pb.GetStatusRequest(), timeout=SECONDS)


def test_point_1a_every_surface_that_is_told_answers_and_the_others_say_so(
    channel: grpc.Channel, service: stubs.RecommendationServiceStub, measured: Note
) -> None:
    told = list(status(channel).surfaces)
    assert set(told) == {pb.SURFACE_PRODUCT, *OFFERS}
    for surface in told:
        answer = service.Recommend(asked(surface), timeout=SECONDS)
        assert answer.items, pb.Surface.Name(surface)
        assert all(item.HasField("score") for item in answer.items)
        assert all(item.target_item_ids for item in answer.items) == (surface in OFFERS)
    for surface in set(pb.Surface.values()) - {*told, pb.SURFACE_UNSPECIFIED}:
        with pytest.raises(grpc.RpcError) as caught:
            service.Recommend(asked(surface), timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert pb.Surface.Name(surface) in caught.value.details()
    measured(", ".join(pb.Surface.Name(s).removeprefix("SURFACE_").lower() for s in told))


def test_point_1b_filters_and_seeds_do_what_they_say(
    channel: grpc.Channel, service: stubs.RecommendationServiceStub, measured: Note
) -> None:
    fields = {field.name for field in status(channel).filter_fields}
    assert {"department", "price_91d"} <= fields
    filters = [pb.Filter(field="price_91d", maximum=5), pb.Filter(field="price_91d", minimum=2)]
    cheap = service.Recommend(asked(filters=filters, page_size=100), timeout=SECONDS)
    turned = [pb.Filter(field="price_91d", minimum=2, maximum=5, exclude=True)]
    others = service.Recommend(asked(filters=turned, page_size=100), timeout=SECONDS)
    assert cheap.items
    assert others.items
    assert not set(ids(cheap)) & set(ids(others))
    seed = cheap.items[0].item_id
    near = service.SimilarItems(pb.SimilarItemsRequest(item_id=seed), timeout=SECONDS)
    seeded = service.Recommend(asked(seed_item_ids=[seed], page_size=100), timeout=SECONDS)
    similar = [i.item_id for i in seeded.items if pb.CANDIDATE_SOURCE_SIMILAR in i.sources]
    assert set(similar) & set(ids(near))
    measured(f"{len(cheap.items)} and {len(others.items)} items, {len(similar)} near the seed")


def test_point_1c_no_field_of_an_answer_is_left_empty_by_all(
    channel: grpc.Channel,
    service: stubs.RecommendationServiceStub,
    known: str,
    measured: Note,
) -> None:
    filters = [pb.Filter(field="price_91d", maximum=5)]
    personal = asked(user_id=known, explain=True, filters=filters)
    product = service.Recommend(personal, timeout=SECONDS)
    promotion = service.Recommend(asked(pb.SURFACE_PROMOTION), timeout=SECONDS)
    stranger = service.Recommend(asked(), timeout=SECONDS)
    ranking = pb.RankRequest(
        user_id=known,
        surface=pb.SURFACE_PRODUCT,
        consent=ALL,
        item_ids=[*ids(product), "999999999"],
    )
    ranked = service.Rank(ranking, timeout=SECONDS)
    near = pb.SimilarItemsRequest(item_id=product.items[0].item_id)
    similar = service.SimilarItems(near, timeout=SECONDS)
    event = event_pb.Event(
        event_id="accept-1", user_id=known, item_id=product.items[0].item_id, kind="click",
        event_time=Timestamp(seconds=1_500_000_000), request_token=product.answer.request_token,
    )  # fmt: skip
    events = event_stubs.EventServiceStub(channel)
    kept = events.RecordEvents(
        event_pb.RecordEventsRequest(events=[event], consent=ALL), timeout=SECONDS
    )
    again = events.RecordEvents(
        event_pb.RecordEventsRequest(events=[event], consent=ALL), timeout=SECONDS
    )
    dropped = events.RecordEvents(event_pb.RecordEventsRequest(events=[event]), timeout=SECONDS)
    batches = [
        event_pb.StreamEventsRequest(batch=event_pb.RecordEventsRequest(events=some, consent=ALL))
        for some in ([event], [])
    ]
    streamed = list(events.StreamEvents(iter(batches), timeout=SECONDS))
    answers: list[Message] = [
        product, promotion, stranger, ranked, similar, kept, again, dropped, *streamed, status(channel),
    ]  # fmt: skip
    filled = {name for answer in answers for name in _filled(answer)}
    declared = {name for answer in answers for name in _declared(answer.DESCRIPTOR)}
    assert declared - filled - OF_FAILURES - OF_A_MOMENT == set()
    measured(f"{len(declared & filled)} fields filled")


def test_point_1d_an_explanation_is_what_the_score_loses(
    service: stubs.RecommendationServiceStub, known: str, measured: Note
) -> None:
    plain = service.Recommend(asked(user_id=known), timeout=SECONDS)
    answer = service.Recommend(asked(user_id=known, explain=True), timeout=SECONDS)
    assert ids(answer) == ids(plain)
    assert [t.stage for t in answer.answer.timings][-1] == "explain"
    for item in answer.items:
        views = {c.view: c.log_odds for c in item.explanation.contributions}
        assert views["user_history"] != 0
        assert views["item_activity"] != 0
    # Without consent the person's rows are not read: their views can have moved nothing.
    nothing = asked(user_id=known, explain=True, consent=pb.Consent())
    stranger = service.Recommend(nothing, timeout=SECONDS)
    first = {c.view: c.log_odds for c in stranger.items[0].explanation.contributions}
    assert first["user_history"] == first["user_activity"] == 0
    best = answer.items[0].explanation.contributions[0]
    measured(f"{best.view} {best.log_odds:+.2f}")


def test_point_1e_comments_validation_and_the_reference_page_agree(measured: Note) -> None:
    checks = ["tests/meta", "tests/unit/serving/rpc/test_limits_mirror_the_protos.py"]
    done = run(
        PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "proto or api", *checks
    )
    before = (ROOT / "docs/api.md").read_text()
    subprocess.run(["make", "reference"], cwd=ROOT, check=True, capture_output=True)
    assert (ROOT / "docs/api.md").read_text() == before
    measured(done.stdout.strip().splitlines()[-1])


def _filled(message: Message) -> Iterator[str]:
    """The set fields of a message and of those within, as `Message.field`."""
    for field, value in message.ListFields():
        yield f"{message.DESCRIPTOR.name}.{field.name}"
        if field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                yield from _filled(one)


def _declared(descriptor: Descriptor) -> Iterator[str]:
    for field in descriptor.fields:
        yield f"{descriptor.name}.{field.name}"
        if field.message_type is not None and field.message_type.file.package == "recserve.v1":
            yield from _declared(field.message_type)

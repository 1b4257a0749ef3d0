from enum import StrEnum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from recserve.v1 import recommendation_service_pb2 as pb

from serving.rpc.wire import Scribe, answer, items
from serving.types import (
    Action,
    Answered,
    Consent,
    Context,
    Contribution,
    Degraded,
    Person,
    RankQuery,
    Reason,
    Removal,
    RowVersion,
    ServedItem,
    Timing,
)

KEY = b"k" * 32
ANSWERED = Answered(
    items=(ServedItem("7", 0.5, ("repeat", "popular")), ServedItem("8", None, ("two_tower",))),
    bundle_id="bundle",
    snapshot_version="snapshot",
    timings=(Timing("hydrate", 0.002), Timing("rank", 0.010)),
    degradations=(Degraded("rank", Reason.TIMEOUT, Action.UNRANKED, "late"),),
    oldest_age_s=60.5,
    proposed=(("repeat", 3), ("two_tower", 0)),
    removed=((Removal.EXCLUDED, 2),),
    cold_start=True,
    rows=(RowVersion("user_profile", 5), RowVersion("user_history", None)),
)


def test_items_carry_their_score_only_if_they_have_one():
    scored, unscored = items(ANSWERED.items)
    assert scored.score == 0.5
    assert list(scored.sources) == [pb.CANDIDATE_SOURCE_REPEAT, pb.CANDIDATE_SOURCE_POPULAR]
    assert not unscored.HasField("score")


def test_a_source_of_the_bundle_without_a_word_in_the_api_is_other():
    item = ServedItem("7", 0.5, ("sasrec", "tifu", "item_to_item", "ease"))
    (told,) = items([item])
    assert list(told.sources) == [
        pb.CANDIDATE_SOURCE_SASREC,
        pb.CANDIDATE_SOURCE_OTHER,
        pb.CANDIDATE_SOURCE_ITEM_TO_ITEM,
    ]


def test_an_answer_tells_everything_of_itself():
    told = answer(ANSWERED, "request-1", "token")
    assert {name.name for name, _ in told.ListFields()} == set(pb.Answer.DESCRIPTOR.fields_by_name)
    assert (told.request_id, told.request_token) == ("request-1", "token")
    assert [(t.stage, t.duration_ms) for t in told.timings] == [("hydrate", 2), ("rank", 10)]
    assert told.degradations[0].action == pb.DEGRADATION_ACTION_UNRANKED
    assert told.oldest_feature_age_s == 60.5
    assert [c.count for c in told.candidate_counts] == [3, 0]
    assert told.removed[0].reason == pb.REMOVAL_REASON_EXCLUDED


def test_an_age_that_is_unknown_is_absent():
    fresh = Answered((), "bundle", "snapshot", ())
    assert not answer(fresh, "r", "t").HasField("oldest_feature_age_s")


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (Reason, pb.DegradationReason, "DEGRADATION_REASON_"),
        (Action, pb.DegradationAction, "DEGRADATION_ACTION_"),
        (Removal, pb.RemovalReason, "REMOVAL_REASON_"),
    ],
)
def test_our_words_are_the_protos(ours: type[StrEnum], theirs: EnumTypeWrapper, prefix: str):
    assert {f"{prefix}{word}" for word in ours} | {f"{prefix}UNSPECIFIED"} == set(theirs.keys())


def entry(person: Person | None, context: Context | None = None):
    query = None if person is None else RankQuery(person, "SURFACE_AD", (), context=context)
    return Scribe(KEY).entry("Recommend", 9, ANSWERED, answer(ANSWERED, "r", "t"), query)


def test_the_log_keeps_the_slate_and_the_rows_behind_it():
    logged = entry(Person("5", 5, Consent(personalization=True)))
    assert (logged.method, logged.admitted_at_us, logged.surface) == ("Recommend", 9, pb.SURFACE_AD)
    assert [(i.item_id, i.slot, i.propensity) for i in logged.slate] == [("7", 0, 1), ("8", 1, 1)]
    assert [r.HasField("event_time_us") for r in logged.rows] == [True, False]
    assert logged.answer.request_token == "t"
    assert logged.consent.personalization


@pytest.mark.parametrize(
    ("person", "size"),
    [
        (Person("5", 5, Consent(logging=True)), 32),
        (Person("5", 5, Consent(personalization=True)), 0),
        (Person("", None, Consent(logging=True)), 0),
        (None, 0),
    ],
)
def test_the_log_names_a_person_by_hash_and_only_with_consent(person: Person | None, size: int):
    assert len(entry(person).user_hash) == size


@pytest.mark.parametrize(
    ("consent", "session"), [(Consent(logging=True), "s-1"), (Consent(personalization=True), "")]
)
def test_the_log_keeps_where_it_was_shown_and_the_session_only_with_consent(
    consent: Consent, session: str
):
    looking = Context("s-1", "home-top", "DEVICE_PHONE", "pt-BR")
    kept = entry(Person("5", 5, consent), looking).context
    assert (kept.session_id, kept.placement_id, kept.device, kept.language_code) == (
        session, "home-top", pb.DEVICE_PHONE, "pt-BR",
    )  # fmt: skip
    assert not entry(Person("5", 5, Consent(logging=True))).HasField("context")


def test_an_item_tells_its_explanation_and_an_offer_its_items():
    why = (Contribution("user_history", 1.5), Contribution("item_activity", -0.25))
    (told,) = items([ServedItem("o-1", 0.5, ("offer",), ("7", "8"), why)])
    assert list(told.target_item_ids) == ["7", "8"]
    assert [(c.view, c.log_odds) for c in told.explanation.contributions] == [
        ("user_history", 1.5), ("item_activity", -0.25),
    ]  # fmt: skip
    assert told.sources == [pb.CANDIDATE_SOURCE_OFFER]
    (silent,) = items([ServedItem("o-1", 0.5, ("offer",))])
    assert not silent.HasField("explanation")

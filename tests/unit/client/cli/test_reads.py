"""recommend, rank, similar, search, suggest and status as commands."""

import json

import pytest
from google.rpc import code_pb2
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb

from serving import errors as server_errors
from serving.rpc.statuses import internal, resource_exhausted, status, status_of
from tests.fakes.scripted_gateway import ScriptedGateway, refuse
from tests.unit.client.cli.conftest import Run

VIOLATIONS = (
    server_errors.FieldViolation("user_id", "has 200 bytes; at most 128 are allowed"),
    server_errors.FieldViolation("filters[0].field", "is no feature"),
)


def test_recommend_sends_all_that_was_said(run: Run, gateway: ScriptedGateway) -> None:
    said = (
        "recommend --surface membership_offer --user 42 --personalize --allow-logging -n 5"
        " --exclude-purchased --exclude a --exclude b --where department=GROCERY,DRUG"
        " --where price_91d<=5 --not-where brand=X --seed s --explain --event-token et --session se"
        " --placement home-top --device phone --language pt-BR --request-id r-9"
    )
    assert run(*said.split()).exit_code == 0
    assert gateway.asked == [
        pb.RecommendRequest(
            user_id="42",
            surface=pb.SURFACE_MEMBERSHIP_OFFER,
            page_size=5,
            exclude_purchased=True,
            exclude_item_ids=["a", "b"],
            consent=pb.Consent(personalization=True, logging=True),
            request_id="r-9",
            context=pb.Context(
                session_id="se",
                placement_id="home-top",
                device=pb.DEVICE_PHONE,
                language_code="pt-BR",
            ),
            filters=[
                pb.Filter(field="department", any_of=["GROCERY", "DRUG"]),
                pb.Filter(field="price_91d", maximum=5),
                pb.Filter(field="brand", any_of=["X"], exclude=True),
            ],
            seed_item_ids=["s"],
            explain=True,
            event_token="et",
        )
    ]


def test_consent_has_to_be_said(run: Run, gateway: ScriptedGateway) -> None:
    run("recommend", "--surface", "product", "--user", "42")
    assert gateway.asked[0].consent == pb.Consent()


def test_a_table_tells_scores_sources_reasons_and_what_was_degraded(run: Run) -> None:
    shown = run("recommend", "--surface", "product").stdout
    for part in (
        "item-1",
        "0.2500",
        "two tower",
        "user_history",
        "+0.50",
        "item_price",
        "-0.25",
        "degraded: rank: timeout, unranked (ranker)",
        "cold start",
        "removed: 3 filtered",
        "oldest feature 2.0 h",
        "bundle b1",
        "hydrate 1.5 ms",
    ):
        assert part in shown


def test_a_table_leaves_out_columns_without_anything(run: Run, gateway: ScriptedGateway) -> None:
    gateway.slate = pb.RecommendResponse(items=[pb.ScoredItem(item_id="item-1")])
    head = run("recommend", "--surface", "product").stdout.splitlines()[0]
    assert head.split() == ["item", "score", "sources"]


def test_a_long_id_is_shown_whole(run: Run, gateway: ScriptedGateway) -> None:
    gateway.slate = pb.RecommendResponse(items=[pb.ScoredItem(item_id="x" * 128)])
    assert run("recommend", "--surface", "product").stdout.count("x") == 128


def test_ids_are_neither_markup_nor_orders_to_the_terminal(
    run: Run, gateway: ScriptedGateway
) -> None:
    gateway.slate = pb.RecommendResponse(items=[pb.ScoredItem(item_id="[red]a\x1b[2J[/red]")])
    shown = run("recommend", "--surface", "product").stdout
    assert "[red]a\N{REPLACEMENT CHARACTER}[2J[/red]" in shown


def test_an_empty_answer_is_no_failure(run: Run, gateway: ScriptedGateway) -> None:
    gateway.slate = pb.RecommendResponse(
        answer=pb.Answer(removed=[pb.RemovedCount(reason=pb.REMOVAL_REASON_FILTERED, count=9)])
    )
    done = run("recommend", "--surface", "product")
    assert done.exit_code == 0
    assert "No items." in done.stdout
    assert "9 filtered" in done.stdout


def test_json_holds_the_whole_answer(run: Run) -> None:
    told = json.loads(run("recommend", "--surface", "product", "-o", "json").stdout)
    assert [item["item_id"] for item in told["items"]] == ["item-1", "item-2"]
    assert told["items"][0]["explanation"]["contributions"][0]["view"] == "user_history"
    assert told["answer"]["degradations"][0]["reason"] == "timeout"


def test_json_lines_hold_an_item_each_and_what_an_event_needs(run: Run) -> None:
    done = run("recommend", "--surface", "product", "-o", "jsonl")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["item_id"], one["slot"], one["request_token"]) for one in lines] == [
        ("item-1", 0, "token"),
        ("item-2", 1, "token"),
    ]
    assert "degraded: rank" in done.stderr


def test_rank_takes_candidates_and_tells_which_are_unknown(
    run: Run, gateway: ScriptedGateway
) -> None:
    said = "rank --surface content a b c --user 1 --personalize --event-token et"
    done = run(*said.split())
    assert list(gateway.asked[0].item_ids) == ["a", "b", "c"]
    assert gateway.asked[0].event_token == "et"
    assert "not in the catalogue: c" in done.stdout


def test_similar_takes_an_item(run: Run, gateway: ScriptedGateway) -> None:
    assert run("similar", "7", "-n", "3", "--where", "department=A").exit_code == 0
    assert gateway.asked == [
        pb.SimilarItemsRequest(
            item_id="7", page_size=3, filters=[pb.Filter(field="department", any_of=["A"])]
        )
    ]


def test_status_tells_what_is_served(run: Run) -> None:
    shown = run("status").stdout
    assert "product, promotion" in shown
    assert "department (text), price_91d (number)" in shown
    assert "0123456789abcdef" in shown
    assert "fedcba9876543210" in shown
    told = json.loads(run("status", "-o", "json").stdout)
    assert told["server_time"] == "2017-12-11T05:00:00+00:00"


def test_an_invalid_request_is_a_sentence_a_field(run: Run, gateway: ScriptedGateway) -> None:
    gateway.plan(refuse(status_of(server_errors.InvalidRequest(VIOLATIONS), "r-7")))
    done = run("recommend", "--surface", "product")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "user_id: has 200 bytes; at most 128 are allowed (request r-7)",
        "filters[0].field: is no feature (request r-7)",
    ]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (status_of(server_errors.UnknownItem("7"), "r-7"), 3),
        (status_of(server_errors.SurfaceNotServed("SURFACE_AD", ("SURFACE_PRODUCT",)), "r-7"), 3),
        (resource_exhausted("r-7"), 4),
        (status(code_pb2.DEADLINE_EXCEEDED, "late", "r-7"), 4),
        (internal("r-7"), 5),
    ],
)
def test_each_failure_has_its_exit_code(
    refusal: code_pb2.Code, code: int, run: Run, gateway: ScriptedGateway
) -> None:
    gateway.plan(refuse(refusal))
    done = run("similar", "7")
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert "r-7" in done.stderr


def test_no_server_is_said_with_its_address(run: Run) -> None:
    done = run("status", "--endpoint", "127.0.0.1:1")
    assert done.exit_code == 4
    assert done.stderr.startswith("127.0.0.1:1: UNAVAILABLE: ")


def test_a_deadline_is_kept(run: Run, gateway: ScriptedGateway) -> None:
    gateway.plan(gateway.hang)
    assert run("status", timeout="0.05").exit_code == 4


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("recommend",), "Missing option '--surface'"),
        (("recommend", "--surface", "shop"), "'shop' is not one of 'product'"),
        (("recommend", "--surface", "product", "-n", "0"), "0 is not in the range 1<=x<=100"),
        (("recommend", "--surface", "product", "--where", "a<b"), "'a<b' is no filter"),
        (("rank", "--surface", "product"), "Missing argument 'ITEM...'"),
        (("status", "--endpoint", ""), "endpoint is empty"),
        (("status", "--plaintext", "--tls-server-name", "x"), "exclude each other"),
        (("status", "--tls-ca", "/no/such.pem"), "does not exist"),
        (("similar", "\udcff"), "surrogates not allowed"),
    ],
)
def test_wrong_usage_is_said_and_nothing_asked(
    args: tuple[str, ...], problem: str, run: Run, gateway: ScriptedGateway
) -> None:
    done = run(*args)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert gateway.asked == []


def test_search_sends_all_that_was_said(run: Run, gateway: ScriptedGateway) -> None:
    said = (
        "search milk --user 42 --personalize -n 5 --page-token pt --where department=DAIRY"
        " --facet department --event-token et --device phone --request-id r-9"
    )
    assert run(*said.split(), "--order-by", "price desc").exit_code == 0
    assert gateway.asked == [
        search_pb.SearchRequest(
            query="milk",
            user_id="42",
            page_size=5,
            page_token="pt",
            filters=[pb.Filter(field="department", any_of=["DAIRY"])],
            facet_fields=["department"],
            order_by="price desc",
            consent=pb.Consent(personalization=True),
            context=pb.Context(device=pb.DEVICE_PHONE),
            event_token="et",
            request_id="r-9",
        )
    ]


def test_a_page_tells_how_the_query_was_read(run: Run) -> None:
    shown = run("search", "mlik xyzzy").stdout
    for note in (
        "42 items have the words",
        "no item has every word",
        "mlik was taken for milk",
        "no item has: xyzzy",
        "department: DAIRY (40)",
        "next page: more",
    ):
        assert note in shown
    found = json.loads(run("search", "mlik", "-o", "json").stdout)
    assert (found["match"], found["total_size"]) == ("some", 42)
    lines = run("search", "mlik", "-o", "jsonl")
    assert [json.loads(line)["slot"] for line in lines.stdout.splitlines()] == [0, 1]
    assert "42 items have the words" in lines.stderr


def test_suggest_prints_a_line_each(run: Run, gateway: ScriptedGateway) -> None:
    assert run("suggest", "mi", "-n", "3").stdout == "Whole milk\nMilk bread\n"
    assert gateway.asked == [search_pb.SuggestRequest(text="mi", page_size=3)]

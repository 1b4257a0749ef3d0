"""Events from options and from lines of JSON."""

import json
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2

from serving import errors as server_errors
from serving.rpc.statuses import resource_exhausted, status, status_of
from tests.fakes.scripted_gateway import ScriptedGateway, refuse
from tests.unit.client.cli.conftest import Run

GOOD = {
    "user_id": 1,
    "item_id": "2",
    "kind": "click",
    "event_time": "2026-03-01T12:00:00+01:00",
}


def test_one_event_goes_by_options(run: Run, gateway: ScriptedGateway) -> None:
    said = (
        "record --user 1 --item 2 --kind purchase --time 2026-03-01T12:00:00Z --event-id e"
        " --group g --quantity 2 --value 3.5 --request-token t --slot 0 --allow-logging"
    )
    done = run(*said.split())
    assert (done.exit_code, done.stdout) == (0, "recorded 1\nevent token known-1\n")
    (event,) = gateway.asked[0].events
    assert (event.event_id, event.group_id, event.quantity, event.value) == ("e", "g", 2, 3.5)
    assert (event.request_token, event.slot, event.HasField("slot")) == ("t", 0, True)
    assert event.event_time == Timestamp(seconds=1_772_366_400)


@pytest.mark.parametrize("personalize", [True, False])
def test_consent_is_as_said(run: Run, gateway: ScriptedGateway, personalize: bool) -> None:  # noqa: FBT001
    said = ["record", "--user", "1", "--item", "2", "--kind", "click", "--allow-logging"]
    assert run(*said, *["--personalize"] * personalize).exit_code == 0
    request = gateway.asked[-1]
    assert (request.consent.logging, request.consent.personalization) == (True, personalize)


def test_without_a_time_it_is_now_by_the_servers_clock(run: Run, gateway: ScriptedGateway) -> None:
    assert (
        run(
            *["record", "--user", "1", "--item", "2", "--kind", "click", "--allow-logging"]
        ).exit_code
        == 0
    )
    assert gateway.asked[1].events[0].event_time == Timestamp(seconds=1_512_968_400)


def test_without_consent_the_loss_is_told(run: Run) -> None:
    done = run(*["record", "--user", "1", "--item", "2", "--kind", "click"])
    assert "recorded 0" in done.stdout
    assert "discarded 1 for want of consent to logging (--allow-logging)" in done.stdout


def test_counts_come_as_json_too(run: Run) -> None:
    done = run("record", "-", "-o", "json", stdin=_lines(GOOD, GOOD))
    assert json.loads(done.stdout) == {
        "recorded_count": 0,
        "discarded_count": 2,
        "duplicate_count": 0,
        "event_token": None,
    }


def test_the_token_of_one_batch_is_told_and_so_is_what_was_known(run: Run) -> None:
    line = _lines(GOOD | {"event_id": "e"})
    said = ("record", "-", "--allow-logging")
    assert json.loads(run(*said, "-o", "json", stdin=line).stdout)["event_token"] == "known-1"
    again = run(*said, stdin=line)
    assert again.stdout == "recorded 1, 1 of them known before\nevent token known-1\n"


def test_of_several_batches_json_lines_tell_each_with_its_token(run: Run) -> None:
    said = ("record", "-", "--allow-logging", "--batch-size", "2")
    done = run(*said, "-o", "jsonl", stdin="\n" + _lines(*[GOOD] * 3))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["first_line"], one["last_line"], one["event_token"]) for one in lines] == [
        (2, 3, "known-2"),
        (4, 4, "known-3"),
    ]
    assert json.loads(run(*said, "-o", "json", stdin=_lines(*[GOOD] * 3)).stdout) == {
        "recorded_count": 3,
        "discarded_count": 0,
        "duplicate_count": 0,
        "event_token": None,
    }


def test_many_events_go_in_batches_of_500(
    run: Run, gateway: ScriptedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("\ufeff" + _lines(*[GOOD] * 1001), encoding="utf-8")
    done = run("record", str(path), "--allow-logging")
    assert done.stdout == "recorded 1001\n"
    assert [len(request.events) for request in gateway.asked] == [500, 500, 1]


def test_an_id_is_made_only_where_none_is_given(run: Run, gateway: ScriptedGateway) -> None:
    run("record", "-", stdin=_lines(GOOD | {"event_id": "mine"}, GOOD, GOOD))
    ids = [event.event_id for event in gateway.asked[0].events]
    assert ids[0] == "mine"
    assert len(set(ids)) == 3
    assert len(ids[1]) == 36


def test_every_bad_line_is_told_and_nothing_sent(run: Run, gateway: ScriptedGateway) -> None:
    bad = [
        "{",
        "[]",
        "",
        json.dumps({"user_id": True, "foo": 1}),
        json.dumps(GOOD | {"event_time": "2026-03-01T12:00:00"}),
        json.dumps(GOOD | {"quantity": "two", "slot": 1.5, "kind": 7}),
        json.dumps(GOOD | {"value": 10**400}),
        json.dumps(GOOD | {"item_id": "\ud800"}),
        "[" * 100_000,
    ]
    done = run("record", "-", "--allow-logging", stdin="\n".join([json.dumps(GOOD), *bad]))
    assert done.exit_code == 2
    assert gateway.asked == []
    for problem in (
        "line 2: is no JSON: ",
        "line 3: is no JSON object",
        "line 5: item_id: is required",
        "line 5: user_id: is True; give a text or a whole number",
        "line 5: foo: is no field; the fields are event_id, user_id,",
        "line 6: event_time: is '2026-03-01T12:00:00'; give a time with its zone",
        "line 7: quantity: is 'two'; give a number",
        "line 7: slot: is 1.5; give a whole number, 0 to 999",
        "line 7: kind: is 7; give a text",
        "line 8: value: has more digits than a number may have here",
        "line 9: 'utf-8' codec can't encode",
        "line 10: is no JSON that can be read",
        "Nothing was sent.",
    ):
        assert problem in done.stderr
    assert "line 1:" not in done.stderr
    assert "line 4:" not in done.stderr


def test_a_refused_event_is_told_by_its_line(run: Run, gateway: ScriptedGateway) -> None:
    violation = server_errors.FieldViolation("events[1].kind", "is too long")
    refusal = refuse(status_of(server_errors.InvalidRequest((violation,)), "r-7"))
    gateway.plan(lambda _: None, refusal)
    lines = [json.dumps(GOOD)] * 600
    done = run("record", "-", "--allow-logging", stdin="\n".join(["", *lines]))
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "Lines 502 to 601: none was taken. Before them 500 events were taken; after them nothing was sent.",
        "line 503: kind: is too long (request r-7)",
    ]


def test_a_lost_batch_is_told_to_be_uncertain(run: Run, gateway: ScriptedGateway) -> None:
    gateway.plan(*[refuse(status(code_pb2.UNAVAILABLE, "gone", "r-7"))] * 3)
    done = run("record", "-", "--allow-logging", stdin=_lines(GOOD))
    assert done.exit_code == 4
    assert "Lines 1 to 1: whether they were taken is not known" in done.stderr


def test_a_full_stream_may_have_taken_some(run: Run, gateway: ScriptedGateway) -> None:
    gateway.plan(refuse(resource_exhausted("r-7")))
    done = run("record", "-", "--allow-logging", stdin=_lines(GOOD))
    assert done.exit_code == 4
    assert "Lines 1 to 1: whether they were taken is not known" in done.stderr


def test_an_empty_file_records_nothing(run: Run, gateway: ScriptedGateway) -> None:
    done = run("record", "-", stdin="")
    assert (done.exit_code, done.stdout, gateway.asked) == (0, "recorded 0\n", [])


@pytest.mark.parametrize(
    ("args", "stdin", "problem"),
    [
        (("record",), None, "Missing --user, --item, --kind"),
        (("record", "--user", "1"), None, "Missing --item, --kind"),
        (("record", "-", "--user", "1"), "", "one event or a file, not both"),
        (("record", "--stream"), None, "--stream needs a FILE"),
        (("record", "-", "--stream", "--user", "1"), "", "one event or a file, not both"),
        (("record", "-", "--batch-size", "501"), "", "501 is not in the range 1<=x<=500"),
        (("record", "/no/such.jsonl"), None, "No such file"),
        (("record", "-"), b"\xff\n", "is not UTF-8"),
        (
            ("record", "--user", "1", "--item", "2", "--kind", "a", "--time", "yesterday"),
            None,
            "is 'yesterday'; give a time with its zone",
        ),
    ],
)
def test_wrong_usage_is_said_and_nothing_sent(
    args: tuple[str, ...],
    stdin: str | bytes | None,
    problem: str,
    run: Run,
    gateway: ScriptedGateway,
) -> None:
    done = run(*args, stdin=stdin)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert gateway.asked == []


def _lines(*events: dict[str, object]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)

"""Long files of events, sent as they are read."""

import json

from google.rpc import code_pb2

from serving import errors as server_errors
from serving.rpc.statuses import internal, status, status_of
from tests.fakes.scripted_gateway import ScriptedGateway, end, refuse, refuse_batch
from tests.unit.client.cli.conftest import Run
from tests.unit.client.cli.test_record import GOOD

SAID = ("record", "-", "--allow-logging", "--stream", "--batch-size", "2")
LINES = [json.dumps(GOOD | {"event_id": f"e{n}"}) for n in range(7)]


def well(context: object) -> None:
    """The step of a batch that is taken."""


def test_lines_go_over_one_stream_in_batches(run: Run, gateway: ScriptedGateway) -> None:
    done = run(*SAID, stdin="\n".join(LINES))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "recorded 7\n", "")
    assert [len(request.events) for request in gateway.asked] == [2, 2, 2, 1]
    assert gateway.streams == 1


def test_a_connection_that_ends_is_not_noticed(run: Run, gateway: ScriptedGateway) -> None:
    gateway.plan(well, end)
    done = run(*SAID, stdin="\n".join(LINES))
    assert (done.exit_code, done.stdout) == (0, "recorded 7\n")
    assert gateway.known == [f"e{n}" for n in range(7)]


def test_bad_lines_are_told_and_the_others_go_on(run: Run, gateway: ScriptedGateway) -> None:
    done = run(*SAID, "-o", "json", stdin="\n".join([LINES[0], "{", *LINES[1:], "[]"]))
    assert done.exit_code == 2
    assert json.loads(done.stdout)["recorded_count"] == 7
    told = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in told] == ["line 2", "line 9"]


def test_a_refused_batch_is_told_by_its_lines_and_the_others_go_on(
    run: Run, gateway: ScriptedGateway
) -> None:
    violation = server_errors.FieldViolation("events[1].kind", "is too long")
    refusal = status_of(server_errors.InvalidRequest((violation,)), "r-7")
    gateway.plan(well, refuse_batch(refusal))
    done = run(*SAID, stdin="\n".join(["", *LINES]))
    assert (done.exit_code, done.stdout) == (2, "recorded 5\n")
    assert done.stderr.splitlines() == [
        "Lines 4 to 5: none was taken.",
        "line 5: kind: is too long (request r-7)",
    ]
    assert gateway.known == ["e0", "e1", "e4", "e5", "e6"]


def test_a_fault_of_the_server_gives_the_exit_code_beside_smaller_ones(
    run: Run, gateway: ScriptedGateway
) -> None:
    gateway.plan(well, refuse_batch(internal("r-7")))
    done = run(*SAID, stdin="\n".join([*LINES, "{"]))
    assert done.exit_code == 5
    assert "Lines 3 to 4: whether they were taken is not known." in done.stderr
    assert "INTERNAL" in done.stderr


def test_where_nothing_more_is_tried_what_was_taken_is_told(
    run: Run, gateway: ScriptedGateway
) -> None:
    gateway.plan(well, refuse(status(code_pb2.UNIMPLEMENTED, "no streams here", "r-7")))
    done = run(*SAID, stdin="\n".join(LINES))
    assert (done.exit_code, done.stdout) == (3, "recorded 2\nevent token known-2\n")
    assert "Lines 3 to 4: none was taken." in done.stderr
    assert "no streams here" in done.stderr


def test_each_batch_is_told_as_a_line_of_json(run: Run) -> None:
    done = run(*SAID, "-o", "jsonl", stdin="\n".join(LINES))
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["first_line"], one["last_line"]) for one in told] == [
        (1, 2),
        (3, 4),
        (5, 6),
        (7, 7),
    ]
    assert told[-1]["event_token"] == "known-7"


def test_a_file_that_stops_being_text_is_sent_up_to_there(
    run: Run, gateway: ScriptedGateway
) -> None:
    done = run(*SAID, stdin="\n".join([*LINES, ""]).encode() + b" " * 100_000 + b"\n\xff\n")
    assert done.exit_code == 2
    assert "is not UTF-8" in done.stderr
    assert gateway.known == [f"e{n}" for n in range(7)]

import json
import logging

from opentelemetry.sdk.trace import TracerProvider

from serving import tracing
from serving.process.logs import BURST, WINDOW_S, JsonLines, Sparing, request_id


def test_a_log_line_is_json_with_the_request_id_and_the_extras() -> None:
    record = logging.makeLogRecord(
        {
            "name": "serving.api",
            "levelname": "INFO",
            "msg": "took %d ms",
            "args": (7,),
            "stage": "rank",
        }
    )
    token = request_id.set("r-1")
    try:
        line = json.loads(JsonLines().format(record))
    finally:
        request_id.reset(token)
    assert line["message"] == "took 7 ms"
    assert line["request_id"] == "r-1"
    assert line["stage"] == "rank"
    assert line["level"] == "INFO"


def test_a_log_line_outside_a_request_names_none() -> None:
    line = json.loads(JsonLines().format(logging.makeLogRecord({"msg": "starts"})))
    assert "request_id" not in line
    assert "trace_id" not in line


def test_a_log_line_of_a_traced_call_names_the_trace() -> None:
    tracing.use(TracerProvider().get_tracer("test"))
    try:
        with tracing.answering(
            "Recommend", "r-1", [("traceparent", f"00-{'7' * 32}-{'a' * 16}-01")]
        ):
            line = json.loads(JsonLines().format(logging.makeLogRecord({"msg": "slow"})))
    finally:
        tracing.use(None)
    assert line["trace_id"] == "7" * 32


def test_a_fault_is_one_line_with_its_trace() -> None:
    fault = ValueError("broken")
    record = logging.makeLogRecord({"msg": "ended", "exc_info": (ValueError, fault, None)})
    text = JsonLines().format(record)
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]


def record(line: int, at: float) -> logging.LogRecord:
    return logging.makeLogRecord({"pathname": "api.py", "lineno": line, "created": at})


def test_a_line_that_says_the_same_again_and_again_is_cut_short_and_counted() -> None:
    sparing = Sparing()
    assert sum(sparing.filter(record(1, 100.0 + i / 1000)) for i in range(BURST + 30)) == BURST
    assert sparing.filter(record(2, 101.0))
    later = record(1, 100.0 + WINDOW_S)
    assert sparing.filter(later)
    assert json.loads(JsonLines().format(later))["left_out"] == 30
    assert "left_out" not in json.loads(JsonLines().format(record(2, 102.0)))

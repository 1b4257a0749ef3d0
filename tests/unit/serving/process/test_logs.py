import json
import logging

from serving.process.logs import JsonLines, request_id


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


def test_a_fault_is_one_line_with_its_trace() -> None:
    fault = ValueError("broken")
    record = logging.makeLogRecord({"msg": "ended", "exc_info": (ValueError, fault, None)})
    text = JsonLines().format(record)
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]

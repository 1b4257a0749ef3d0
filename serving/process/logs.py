"""Logging of the gateway: one JSON object a line on stderr, with the id of the request at hand."""

import json
import logging
import math
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

from serving.tracing import trace_id

request_id: ContextVar[str] = ContextVar("request_id", default="")

BURST, WINDOW_S = 20, 10.0

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """Time (wall clock), level, logger, process, message, request id, then the record's extras."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        if trace := trace_id():
            line["trace_id"] = trace
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class Sparing(logging.Filter):
    """A line of code speaks at most `BURST` times in `WINDOW_S`; later it says how many were left out.

    When a system that every call needs is away, every call would have the same to say.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], tuple[float, int]] = {}  # by line: since when, how often

    def filter(self, record: logging.LogRecord) -> bool:
        line = (record.pathname, record.lineno)
        since, count = self._said.get(line, (-math.inf, 0))
        if not 0 <= record.created - since < WINDOW_S:
            if count > BURST:
                record.left_out = count - BURST
            since, count = record.created, 0
        self._said[line] = (since, count + 1)
        return count < BURST


def log_to_stderr(level: str) -> None:
    """Sends every logger of this process, and the fault that ends it, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(Sparing())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    sys.excepthook = _ended


def _ended(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("ended by a fault", exc_info=(kind, fault, trace))

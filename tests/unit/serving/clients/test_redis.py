import inspect

import pytest
from redis import exceptions as foreign

from serving.clients.connections import FOREIGN, translated
from serving.clients.redis import RedisRows
from serving.errors import Failed, OutsideError, TimedOut, Unavailable

RAISED = [
    error
    for _, error in inspect.getmembers(foreign, inspect.isclass)
    if issubclass(error, Exception)
] + [OSError, ConnectionResetError, BrokenPipeError, FileNotFoundError, TimeoutError]


def made(error: type[Exception]) -> Exception:
    return error("1 127.0.0.1:7000") if issubclass(error, foreign.AskError) else error("no")


@pytest.mark.parametrize("error", RAISED, ids=lambda error: error.__name__)
def test_every_error_of_redis_py_becomes_one_of_ours(error: type[Exception]):
    assert issubclass(error, FOREIGN)
    ours = translated(made(error))
    assert type(ours) in OutsideError.__subclasses__()
    assert str(ours).startswith("Redis: ")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (foreign.ConnectionError("refused"), Unavailable),
        (foreign.BusyLoadingError("loading"), Unavailable),
        (foreign.ClusterDownError("down"), Unavailable),
        (ConnectionRefusedError(), Unavailable),
        (foreign.TimeoutError("late"), TimedOut),
        (TimeoutError(), TimedOut),
        (foreign.AuthenticationError("no password"), Failed),
        (foreign.ResponseError("WRONGTYPE"), Failed),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_away_late_and_wrong_are_told_apart(error: Exception, ours: type[OutsideError]):
    assert type(translated(error)) is ours


def test_an_error_without_a_text_is_named():
    assert str(translated(TimeoutError())) == "Redis: TimeoutError"


def test_a_bug_is_not_taken_for_an_error_of_redis():
    assert not issubclass(TypeError, FOREIGN)
    assert not issubclass(KeyError, FOREIGN)


async def test_without_time_left_redis_is_not_asked():
    rows = RedisRows.from_url("unix:///nowhere/redis.sock")
    with pytest.raises(TimedOut, match="no time was left"):
        await rows.read([b"key"], 0.0)

import asyncio

import pytest

from tests.rehearsal.__main__ import told
from tests.rehearsal.pods import NotRehearsed


async def refuse() -> int:
    async with asyncio.TaskGroup(), asyncio.TaskGroup():
        raise NotRehearsed("a volume of another kind")


def test_what_isnt_played_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]):
    assert told(refuse()) == 1
    assert capsys.readouterr().err == "rehearsal: a volume of another kind\n"


async def break_down() -> int:
    async with asyncio.TaskGroup():
        raise ZeroDivisionError


def test_a_fault_of_the_rehearsal_is_shown_as_it_is():
    with pytest.raises(ExceptionGroup) as found:
        told(break_down())
    assert found.group_contains(ZeroDivisionError)


async def five() -> int:
    return 5


async def end() -> int:
    raise asyncio.CancelledError


def test_the_exit_status_is_the_rehearsals():
    assert told(five()) == 5
    assert told(end()) == 130

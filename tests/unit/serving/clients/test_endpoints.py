from random import Random

import pytest

from serving.clients.endpoints import EJECT_AFTER, EJECT_S, LONGEST_EJECTION_S, Endpoints
from tests.fakes.time import FakeTicks

TARGETS = ["a:1", "b:1", "c:1"]


def endpoints(ticks: FakeTicks, targets: list[str] = TARGETS) -> Endpoints[str]:
    return Endpoints(targets, lambda target: f"stub of {target}", Random(7), ticks)


def chosen(among: Endpoints[str], times: int = 300) -> set[str]:
    return {among.choose().target for _ in range(times)}


def ejected(among: Endpoints[str], target: str) -> None:
    """Fails one endpoint until it is left out."""
    endpoint = next(e for e in iter(among.choose, None) if e.target == target)
    for _ in range(EJECT_AFTER):
        endpoint.failed()


def test_every_endpoint_gets_its_turn():
    assert chosen(endpoints(FakeTicks())) == set(TARGETS)


def test_of_two_choices_the_less_busy_is_taken():
    among = endpoints(FakeTicks(), ["a:1", "b:1"])
    busy = among.choose()
    with busy.call() as stub:
        assert stub == f"stub of {busy.target}"
        assert busy.target not in chosen(among)
    assert busy.outstanding == 0


def test_a_call_that_fails_is_no_longer_outstanding():
    endpoint = endpoints(FakeTicks()).choose()
    with pytest.raises(ZeroDivisionError), endpoint.call():
        raise ZeroDivisionError
    assert endpoint.outstanding == 0


def test_consecutive_failures_eject_for_a_while():
    ticks = FakeTicks()
    among = endpoints(ticks)
    ejected(among, "a:1")
    assert chosen(among) == {"b:1", "c:1"}
    ticks.seconds += EJECT_S
    assert chosen(among) == set(TARGETS)


def test_a_success_between_failures_keeps_an_endpoint():
    among = endpoints(FakeTicks(), ["a:1", "b:1"])
    endpoint = among.choose()
    for _ in range(EJECT_AFTER):
        for _ in range(EJECT_AFTER - 1):
            endpoint.failed()
        endpoint.succeeded()
    assert chosen(among) == {"a:1", "b:1"}


def test_failing_again_after_the_return_ejects_for_longer():
    ticks = FakeTicks()
    among = endpoints(ticks)
    ejected(among, "a:1")
    ticks.seconds += EJECT_S
    next(e for e in iter(among.choose, None) if e.target == "a:1").failed()
    ticks.seconds += EJECT_S
    assert chosen(among) == {"b:1", "c:1"}
    ticks.seconds += EJECT_S
    assert chosen(among) == set(TARGETS)


def test_a_success_after_the_return_forgets_earlier_ejections():
    ticks = FakeTicks()
    among = endpoints(ticks)
    ejected(among, "a:1")
    ticks.seconds += EJECT_S
    next(e for e in iter(among.choose, None) if e.target == "a:1").succeeded()
    ejected(among, "a:1")
    ticks.seconds += EJECT_S
    assert chosen(among) == set(TARGETS)


def test_no_ejection_is_longer_than_the_longest():
    ticks = FakeTicks()
    among = endpoints(ticks)
    ejected(among, "a:1")
    for _ in range(10):
        ticks.seconds += LONGEST_EJECTION_S
        next(e for e in iter(among.choose, None) if e.target == "a:1").failed()
    ticks.seconds += LONGEST_EJECTION_S
    assert chosen(among) == set(TARGETS)


def test_if_all_are_ejected_all_are_tried():
    among = endpoints(FakeTicks(), ["a:1", "b:1"])
    ejected(among, "a:1")
    ejected(among, "b:1")
    assert chosen(among) == {"a:1", "b:1"}


def test_a_second_try_goes_elsewhere_even_to_an_ejected_one():
    among = endpoints(FakeTicks(), ["a:1", "b:1"])
    ejected(among, "a:1")
    first = among.choose()
    assert first.target == "b:1"
    assert among.choose([first]).target == "a:1"


def test_a_single_endpoint_is_tried_again():
    among = endpoints(FakeTicks(), ["a:1"])
    assert among.choose([among.choose()]).target == "a:1"

import pytest

from serving.features.rows import NOTHING, UserRowsReader
from serving.stages.hydrate import Hydrate
from serving.types import Consent, Person
from tests.fakes.doors import FakeRows
from tests.fakes.shop import NOW_US, person_rows, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder


@pytest.mark.parametrize(
    "person",
    [
        Person("5", 5, Consent(personalization=False, logging=True)),
        Person("", None, Consent(personalization=True, logging=True)),
    ],
)
async def test_without_consent_or_id_nothing_is_read(person: Person):
    door = FakeRows(person_rows(shop_plan(), 5))
    hydrate = Hydrate(UserRowsReader(shop_plan(), door, shop_snapshot(), ListRecorder()))
    assert await hydrate(person, NOW_US, 0.1) is NOTHING
    assert door.reads == []


async def test_with_consent_the_rows_are_read_within_the_stages_time():
    door = FakeRows(person_rows(shop_plan(), 5))
    hydrate = Hydrate(UserRowsReader(shop_plan(), door, shop_snapshot(), ListRecorder()))
    user = await hydrate(Person("5", 5, Consent(personalization=True)), NOW_US, 0.125)
    assert len(user.rows) == 3
    assert door.timeouts == [0.125]

from dataclasses import dataclass

import pytest

from training.datasets.generated.actions import Actions, act
from training.datasets.generated.courses import COURSES
from training.datasets.generated.domain import Domain
from training.datasets.generated.offers import Promotions, promotions
from training.datasets.generated.shop import SHOP
from training.datasets.generated.world import World, new_world

USERS, SEED = 400, 11


@dataclass(frozen=True)
class Lived:
    """A world and what happened in it."""

    world: World
    promotions: Promotions
    done: Actions


def live(domain: Domain) -> Lived:
    world = new_world(domain, USERS, SEED)
    promoted = promotions(world)
    return Lived(world, promoted, act(world, promoted))


@pytest.fixture(scope="session")
def shop() -> Lived:
    return live(SHOP)


@pytest.fixture(scope="session")
def courses() -> Lived:
    return live(COURSES)


@pytest.fixture(params=["shop", "courses"])
def lived(request: pytest.FixtureRequest) -> Lived:
    found: Lived = request.getfixturevalue(request.param)
    return found

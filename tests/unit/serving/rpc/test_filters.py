import pytest
from recserve.v1 import recommendation_service_pb2 as pb

from serving.features.filter_fields import filter_fields
from serving.features.keys import string_key
from serving.rpc.filters import condition
from serving.types import Condition
from tests.fakes.shop import shop_plan

FIELDS = filter_fields(shop_plan())


def read(**fields: object) -> tuple[Condition | None, dict[str, str]]:
    """The condition, and what was found wrong by field."""
    wrong: dict[str, str] = {}
    found = condition(pb.Filter(**fields), "filters[2]", FIELDS, wrong.__setitem__)
    return found, wrong


def test_texts_become_their_keys():
    found, wrong = read(field="brand", any_of=["Acme", "Émile"], exclude=True)
    keys = (string_key("Acme"), string_key("Émile"))
    assert found == Condition("item_profile.brand", any_of=keys, exclude=True)
    assert wrong == {}


def test_a_bound_that_is_not_given_is_none_and_zero_is_a_bound():
    assert read(field="price", minimum=0)[0] == Condition("item_activity.price", minimum=0)
    assert read(field="price", maximum=0)[0] == Condition("item_activity.price", maximum=0)


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"field": "colour", "any_of": ["red"]}, "field", "brand, popularity, price, type"),
        ({"field": "", "any_of": ["red"]}, "field", "'' is no field"),
        ({"field": "brand"}, "any_of", "0 values; give 1 to 100"),
        ({"field": "brand", "any_of": ["x"] * 101}, "any_of", "101 values"),
        ({"field": "brand", "any_of": ["ok", "é" * 513]}, "any_of[1]", "1026 bytes"),
        ({"field": "brand", "any_of": ["x"], "minimum": 1}, "minimum", "holds texts"),
        ({"field": "price"}, "minimum", "is missing"),
        ({"field": "price", "any_of": ["5"]}, "any_of", "holds numbers"),
        ({"field": "price", "minimum": float("nan")}, "minimum", "finite"),
        ({"field": "price", "maximum": float("inf")}, "maximum", "finite"),
        ({"field": "price", "minimum": 2, "maximum": 1}, "maximum", "below minimum 2"),
    ],
)
def test_what_is_out_of_its_limits_is_named(fields: dict[str, object], field: str, told: str):
    found, wrong = read(**fields)
    assert found is None
    assert list(wrong) == [f"filters[2].{field}"]
    assert told in wrong[f"filters[2].{field}"]


def test_the_limits_themselves_are_allowed():
    found, wrong = read(field="brand", any_of=["x" * 1024] * 100)
    assert found is not None
    assert wrong == {}

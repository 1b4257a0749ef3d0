"""Filters as one writes them."""

import click
import pytest
from recserve.client import Filter
from recserve.client.cli.filters import parsed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("department=GROCERY", Filter("department", ("GROCERY",))),
        ("department=GROCERY,DRUG GM", Filter("department", ("GROCERY", "DRUG GM"))),
        ('brand="A, B",C', Filter("brand", ("A, B", "C"))),
        ("name=a=b", Filter("name", ("a=b",))),
        ("name=<5", Filter("name", ("<5",))),
        ("price_91d<=5", Filter("price_91d", maximum=5)),
        ("price_91d >= -0.5", Filter("price_91d", minimum=-0.5)),
        ("2<=price_91d<=5e1", Filter("price_91d", minimum=2, maximum=50)),
        ("2<=price_91d", Filter("price_91d", minimum=2)),
        ("名前=茶", Filter("名前", ("茶",))),
    ],
)
def test_a_filter_is_read(text: str, expected: Filter) -> None:
    assert parsed(text, exclude=False) == expected


def test_a_filter_may_be_turned_round() -> None:
    assert parsed("price<=5", exclude=True) == Filter("price", maximum=5, exclude=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "price",
        "price<5",
        "price<=cheap",
        "<=5",
        "=GROCERY",
        "department=",
        "department=A,,B",
        'brand="A',
        "1<=price>=2",
        "price<=inf",
    ],
)
def test_what_is_no_filter_is_refused_by_name(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parsed(text, exclude=False)
    assert text in caught.value.message

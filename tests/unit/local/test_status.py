import pytest

from serving.local.status import Row, duration, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (312, "5 min 12 s"),
        (3_600, "1 h 0 min"),
        (273_700, "3 d 4 h"),
    ],
)
def test_a_duration_is_told_by_its_two_largest_units(seconds: float, text: str):
    assert duration(seconds) == text


def test_the_columns_of_the_table_stand_below_each_other():
    rows = [
        Row("redis", "12", "/a/long/socket", "5 s", "healthy"),
        Row("gateway", "-", "50051", "-", "not running"),
    ]
    lines = table(rows).splitlines()
    assert {
        line.index(word) for line, word in zip(lines, ["state", "healthy", "not"], strict=True)
    } == {lines[0].index("state")}
    assert [row.healthy for row in rows] == [True, False]

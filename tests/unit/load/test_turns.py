from tests.load.turns import Times, in_turns, times


def test_every_other_round_goes_backwards_after_one_that_does_not_count() -> None:
    order: list[str] = []

    def measure(name: str) -> int:
        order.append(name)
        return len(order)

    found = in_turns({"a": lambda: measure("a"), "b": lambda: measure("b")}, 2)
    assert "".join(order) == "ab" + "ab" + "ba"
    assert found == {"a": [3, 6], "b": [4, 5]}


def test_a_quantile_is_the_median_of_the_rounds() -> None:
    calm, busy = [0.001, 0.002, 0.003], [0.1, 0.2, 0.3]
    assert Times([calm, busy, calm]).p50_ms == 2.0
    assert times({"a": [calm]})["a"].steps == 3

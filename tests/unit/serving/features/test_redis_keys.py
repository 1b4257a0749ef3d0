from serving.features.redis_keys import (
    PARTITIONS,
    entities_key,
    events_stream,
    partition_of,
    request_log_stream,
    row_key,
    strings_key,
)


def tag(key: str) -> str:
    """What Redis takes the slot from."""
    return key.partition("{")[2].partition("}")[0]


def test_the_names_are_those_of_the_contract() -> None:
    assert row_key("shop", "user_id", 71, "history") == b"recserve:{shop:user_id=7}:71:history"
    assert events_stream("shop", 7) == "recserve:{shop:user_id=7}:events"
    assert request_log_stream("shop") == "recserve:{shop}:request_log"
    assert strings_key("shop") == "recserve:shop:strings"
    assert entities_key("shop", "user_id") == "recserve:{shop:entities}:user_id"


def test_all_that_is_of_a_person_shares_a_slot() -> None:
    for key in (0, 7, PARTITIONS, 2**63 - 1):
        rows = {tag(row_key("shop", "user_id", key, view).decode()) for view in ("a", "b")}
        assert rows == {tag(events_stream("shop", partition_of(key)))}

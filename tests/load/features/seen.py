"""What shows that an event is accounted for."""

from recserve.v1 import recommendation_service_pb2 as pb

from tests.load.features import shop

REPEAT = pb.CANDIDATE_SOURCE_REPEAT
HISTORY = shop.layout("user_history")


def owned_in(packed: bytes | None) -> set[int]:
    """The items of a person's history as it is stored."""
    if packed is None:
        return set()
    row = HISTORY.read(packed)
    return set(row["owned_item"][: int(row["owned_item__length"])].tolist())


def degraded(answer: pb.Answer) -> list[str]:
    return [f"{d.stage}: {d.detail}" for d in answer.degradations]

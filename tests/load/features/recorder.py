"""A caller of RecordEvents that takes times: `python -m tests.load.features.recorder SPEC`.

One JSON line in, one JSON line out. Every caller has a connection of its own, which lands on any worker.
"""

import asyncio
import json
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from itertools import chain
from pathlib import Path
from typing import Any

import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import event_service_pb2_grpc as event_stubs
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs
from redis import asyncio as redis

from serving.features.redis_keys import row_key
from tests.load.features import shop
from tests.load.features.seen import REPEAT, degraded, owned_in

CONSENT = pb.Consent(personalization=True, logging=True)
KINDS = ("view",) * 8 + ("click", "purchase")
PATIENCE_S = 30.0
LOOK_S = 0.005  # between two looks
OWN_POOL = (("grpc.use_local_subchannel_pool", 1),)


class NeverSeen(Exception):
    """An event that was acknowledged doesn't show."""


class Recorder:
    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec, self._random = spec, random.Random(spec["seed"])
        self._channels = [
            aio.insecure_channel(spec["address"], OWN_POOL) for _ in range(spec["callers"])
        ]
        self._others = aio.insecure_channel(spec["address"], OWN_POOL)
        self._bytes = [0, 0]
        self._redis: redis.Redis[bytes] = redis.Redis(unix_socket_path=spec["socket"])

    async def record(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Seconds of each call, of all together, and the bytes of a request and its reply."""
        began = time.perf_counter()
        found = await asyncio.gather(
            *(self._record(channel, wanted) for channel in self._channels[: wanted["callers"]])
        )
        whole = time.perf_counter() - began
        return {"seconds": list(chain.from_iterable(found)), "whole": whole, "bytes": self._bytes}

    async def _record(self, channel: aio.Channel, wanted: dict[str, Any]) -> list[float]:
        call, found = event_stubs.EventServiceStub(channel).RecordEvents, []
        for _ in range(wanted["calls"]):
            request = event_pb.RecordEventsRequest(
                events=[self._event() for _ in range(wanted["batch"])], consent=CONSENT
            )
            began = time.perf_counter()
            reply = await call(request, timeout=PATIENCE_S)
            found.append(time.perf_counter() - began)
            if reply.recorded_count != wanted["batch"]:
                raise AssertionError(f"{reply.recorded_count} of {wanted['batch']} were recorded")
            self._bytes = [request.ByteSize(), reply.ByteSize()]
        return found

    def _event(self) -> event_pb.Event:
        user = self._random.randint(1, self._spec["users"])
        item = shop.FIRST_ITEM + self._random.randrange(self._spec["items"])
        return _event(user, item, self._random.choice(KINDS))

    async def visible(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """From the acknowledgement until the event is accounted for, seconds by who looks."""
        waiting = list(wanted["purchases"])
        found: dict[str, list[float]] = {"own": [], "others": [], "stored": []}

        async def follow(channel: aio.Channel) -> None:
            while waiting:
                user, item = waiting.pop()
                for who, seconds in (await self._followed(channel, user, item)).items():
                    found[who].append(seconds)

        await asyncio.gather(*map(follow, self._channels[: wanted["callers"]]))
        return found

    async def _followed(self, channel: aio.Channel, user: int, item: int) -> dict[str, float]:
        before = await self._repeats(channel, user, "")
        request = event_pb.RecordEventsRequest(
            events=[_event(user, item, "purchase")], consent=CONSENT
        )
        call = event_stubs.EventServiceStub(channel).RecordEvents
        token = (await call(request, timeout=PATIENCE_S)).event_token
        began = time.perf_counter()

        async def own() -> bool:
            if await self._repeats(channel, user, token) != before + 1:
                raise NeverSeen(f"the first answer with its token lacks the event of user {user}")
            return True

        async def others() -> bool:
            return await self._repeats(self._others, user, "") == before + 1

        async def stored() -> bool:
            key = row_key(shop.PROJECT, "user_id", user, "user_history")
            return item in owned_in(await self._redis.get(key))

        looks = {"own": own, "others": others, "stored": stored}
        times = await asyncio.gather(*(_until(began, look) for look in looks.values()))
        return dict(zip(looks, times, strict=True))

    async def _repeats(self, channel: aio.Channel, user: int, token: str) -> int:
        """How many items the person's own purchases propose."""
        request = pb.RecommendRequest(
            user_id=str(user),
            surface=pb.SURFACE_PRODUCT,
            page_size=20,
            consent=CONSENT,
            event_token=token,
        )
        response = await stubs.RecommendationServiceStub(channel).Recommend(
            request, timeout=PATIENCE_S
        )
        if told := degraded(response.answer):
            raise AssertionError(f"the answer was degraded: {told}")
        return sum(c.count for c in response.answer.candidate_counts if c.source == REPEAT)


async def _until(began: float, look: Callable[[], Awaitable[bool]]) -> float:
    while not await look():
        if time.perf_counter() - began > PATIENCE_S:
            raise NeverSeen(f"not after {PATIENCE_S:.0f} s")
        await asyncio.sleep(LOOK_S)
    return time.perf_counter() - began


def _event(user: int, item: int, kind: str) -> event_pb.Event:
    when = Timestamp()
    when.GetCurrentTime()
    return event_pb.Event(
        event_id=uuid.uuid4().hex,
        user_id=str(user),
        item_id=str(item),
        kind=kind,
        event_time=when,
        group_id=uuid.uuid4().hex[:8],
        quantity=1,
        value=9.5,
    )


async def serve(spec: dict[str, Any]) -> None:
    recorder = Recorder(spec)
    asked = {"record": recorder.record, "visible": recorder.visible}
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        answer = await asked[wanted["do"]](wanted) if wanted["do"] in asked else {}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))

"""RecordEvents from outside: what is acknowledged is kept, seen at once, and in the rows within a second."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import redis
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.event_service_pb2_grpc import EventServiceStub
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from serving.ingest.logged_events import read_event_log
from serving.local.addresses import redis_url
from serving.local.processes import read_record
from serving.triton.ports import free_ports
from tests.acceptance.made import PYTHON, Made, run
from tests.e2e.asking import CONSENT, ids, recommend
from tests.e2e.patience import eventually
from tests.e2e.system import ROOT

Note = Callable[[str], None]
SECONDS = 5
LONG_AGO = Timestamp(seconds=1_700_000_000)
VISITS = 40
# Waits for a line with a user and an item, and tells when Feast's own read has the item among what is owned.
WATCH = """
import json, sys, time
from feast import FeatureStore
store = FeatureStore(fs_yaml_file=sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    user, item = json.loads(line)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = store.get_online_features(["user_history:owned_item"], [{"user_id": user}]).to_dict()
        if item in (found["owned_item"][0] or []):
            break
    print(json.dumps({"at": time.monotonic(), "owned": found["owned_item"][0]}), flush=True)
"""


def newcomer() -> str:
    return str(time.time_ns() // 1_000)


def event(user: str, item: str, **fields: object) -> event_pb.Event:
    usual = {
        "event_id": f"{user}-{item}",
        "kind": "purchase",
        "event_time": LONG_AGO,
        "group_id": user,
    }
    return event_pb.Event(user_id=user, item_id=item, **(usual | fields))


def batch(*events: event_pb.Event) -> event_pb.RecordEventsRequest:
    return event_pb.RecordEventsRequest(events=events, consent=CONSENT)


@pytest.fixture
def channel(generated_shop: Made) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(generated_shop.system.gateway) as opened:
        yield opened


@pytest.fixture
def items(channel: grpc.Channel) -> list[str]:
    """Some of the catalogue's."""
    answer = RecommendationServiceStub(channel).Recommend(recommend(page_size=50), timeout=SECONDS)
    return ids(answer)


@contextmanager
def replica(made: Made) -> Iterator[str]:
    """A second gateway with the settings of the first, on other ports."""
    process = read_record(made.state / "run/gateway.json")
    assert process is not None
    raw = Path(f"/proc/{process.pid}/environ").read_bytes()
    variables = dict(one.decode().split("=", 1) for one in raw.split(b"\0") if b"=" in one)
    ports = dict(zip(("PORT", "HTTP_PORT"), map(str, free_ports(2)), strict=True))
    key = made.state / "run/gateway/gateway-user-hash.key"
    own = {f"RECSERVE_GATEWAY_{name}": port for name, port in ports.items()}
    own["RECSERVE_GATEWAY_RUN_DIR"] = str(made.state / "run/replica")
    own["RECSERVE_GATEWAY_USER_HASH_KEY_FILE"] = str(key)
    command = [PYTHON, "-m", "serving.app"]
    with subprocess.Popen(command, cwd=ROOT, env=variables | own) as started:
        try:
            address = f"127.0.0.1:{ports['PORT']}"
            with grpc.insecure_channel(address) as waiting:
                grpc.channel_ready_future(waiting).result(timeout=60)
            yield address
        finally:
            started.terminate()


def repeated(answer: pb.RecommendResponse) -> set[str]:
    return {i.item_id for i in answer.items if pb.CANDIDATE_SOURCE_REPEAT in i.sources}


def test_point_4a_bad_events_are_refused_by_name_and_nothing_of_them_is_kept(
    generated_shop: Made, channel: grpc.Channel, items: list[str], measured: Note
) -> None:
    user, stub = newcomer(), EventServiceStub(channel)
    bad = [
        (
            "events[0].event_time",
            event(user, items[0], event_time=Timestamp(seconds=4_102_444_800)),
        ),
        ("events[0].kind", event(user, items[0], kind="pur\nchase")),
        ("events[0].value", event(user, items[0], value=float("nan"))),
        ("events[0].item_id", event(user, "")),
        ("events[0].event_id", event(user, items[0], event_id="")),
        ("events[0].user_id", event("x" * 129, items[0])),
    ]
    for field, one in bad:
        with pytest.raises(grpc.RpcError) as caught:
            stub.RecordEvents(batch(event(user, items[1]), one) if "user" in field else batch(one))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert field.partition("].")[2] in caught.value.details()
    with redis.Redis.from_url(redis_url(generated_shop.state)) as store:
        streams = store.keys("recserve:{*:user_id=*}:events")
        entries = [f[b"entry"] for name in streams for _, f in store.xrange(name)]
    assert not any(user.encode() in entry for entry in entries)
    measured(f"{len(bad)} kinds")


def test_point_4b_an_acknowledged_event_is_known_to_the_next_request_on_any_worker_of_any_replica(
    generated_shop: Made, channel: grpc.Channel, items: list[str], measured: Note
) -> None:
    user, stub, seen = newcomer(), EventServiceStub(channel), 0
    with replica(generated_shop) as second:
        for item in items[:VISITS]:
            token = stub.RecordEvents(batch(event(user, item)), timeout=SECONDS).event_token
            for address in (generated_shop.system.gateway, second):
                own = (("grpc.use_local_subchannel_pool", 1),)
                with grpc.insecure_channel(address, own) as anew:  # lands on either worker
                    answer = RecommendationServiceStub(anew).Recommend(
                        recommend(user, page_size=100, event_token=token), timeout=SECONDS
                    )
                assert item in repeated(answer), answer.answer.degradations
                seen += 1
    measured(f"{seen} of {seen} answers of two gateways with two workers each")


def test_point_4c_others_know_it_within_a_second(
    generated_shop: Made, channel: grpc.Channel, items: list[str], measured: Note
) -> None:
    """Without a token, and by Feast's own read of the online store."""
    stub, found = RecommendationServiceStub(channel), []
    store = str(generated_shop.state / "feast/feature_store.yaml")
    command = [PYTHON, "-W", "ignore", "-c", WATCH, store]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as watcher:
        assert watcher.stdin is not None
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        for item in items[:10]:
            user = newcomer()
            EventServiceStub(channel).RecordEvents(batch(event(user, item)), timeout=SECONDS)
            acknowledged = time.monotonic()
            watcher.stdin.write(json.dumps([int(user), int(item)]) + "\n")
            watcher.stdin.flush()
            assert item in repeated(stub.Recommend(recommend(user), timeout=SECONDS))
            told = json.loads(watcher.stdout.readline())
            assert told["owned"] == [int(item)]
            found.append(told["at"] - acknowledged)
        watcher.stdin.close()
    assert sorted(found)[len(found) // 2] < 1
    measured(f"in Feast's read after {min(found):.2f} to {max(found):.2f} s")


def test_point_4d_a_stream_of_batches(
    generated_shop: Made, channel: grpc.Channel, items: list[str], measured: Note
) -> None:
    user = newcomer()
    good = [batch(event(user, item)) for item in items[:20]]
    sent = [*good, batch(event(user, items[0], kind="")), *good]
    requests = (event_pb.StreamEventsRequest(batch=one) for one in sent)
    answers = list(EventServiceStub(channel).StreamEvents(requests, timeout=30))
    assert len(answers) == 41
    assert answers[20].error.invalid_fields[0].field == "events[0].kind"
    taken = [one.recorded for one in answers if one.HasField("recorded")]
    assert sum(one.duplicate_count for one in taken) == 20
    kept = eventually(
        lambda: _logged(generated_shop, user) if len(_logged(generated_shop, user)) == 20 else None,
        "twenty events in the event log",
        seconds=60,
    )
    assert sorted(kept) == sorted(f"{user}-{item}" for item in items[:20])
    measured("40 batches answered, 20 of them known, each event once in the log")


def _logged(made: Made, user: str) -> list[str]:
    log = read_event_log(made.state / "events").collect()
    return log.filter(log["user_id"] == user)["event_id"].to_list()


def test_point_4e_rows_that_events_changed_equal_rows_prepared_from_them(measured: Note) -> None:
    tests = ["tests/unit/prepare/test_events_added_to_rows.py", "tests/integration/ingest"]
    done = run(
        PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, PATH=os.environ["PATH"]
    )
    measured(done.stdout.splitlines()[-1])

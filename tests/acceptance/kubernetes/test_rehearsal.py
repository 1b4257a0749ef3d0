"""`make rehearse` plays production under load, and no call fails that need not."""

import json
from collections.abc import Callable

from tests.acceptance.made import Made
from tests.e2e.system import ROOT

REPORT = ROOT / "build/rehearsal/report.json"
REDIS_MOVES = "drain of the node with Redis"
EVENTS = ("start", "steady", "rolling update of the gateways", "rolling update of the Tritons",
          "rolling update of the ingest worker", "gateways from 2 to 3", "gateways from 3 to 2",
          "Tritons from 3 to 4", "Tritons from 4 to 3", "a gateway and a Triton deleted",
          "kill -9 of a gateway", "kill -9 of a triton", "nodes of a gateway and a Triton lost", "drain of",
          REDIS_MOVES, "steady load until the callers leave")  # fmt: skip
WITHIN_S = 30  # a new Triton is asked
METHODS = {"recommend", "search", "rank", "similar", "record", "stream", "status", "suggest"}


def test_a_rehearsal_of_production_fails_no_call(
    generated_shop: Made, measured: Callable[[str], None]
) -> None:
    generated_shop.system.make("down")
    REPORT.unlink(missing_ok=True)
    played = generated_shop.system.make("rehearse", check=False)
    assert REPORT.is_file(), played.stderr
    report = json.loads(REPORT.read_text())
    events = {event["event"]: event for event in report["events"]}
    assert played.returncode == 0, {name: e["problems"] for name, e in events.items()}
    assert report["passed"]
    for name, event in zip(EVENTS, events.values(), strict=True):
        assert event["event"].startswith(name)
        assert name == "start" or event["requests"] > 10, event
        assert name == REDIS_MOVES or event["failed"] == {}, event
    assert events[REDIS_MOVES]["degraded"] > 0
    assert {text.partition(":")[0] for text in events[REDIS_MOVES]["failed"]} <= {"record"}
    assert set(report["methods"]) == METHODS
    asked = [s for e in events.values() for s in e["new_triton_traffic_s"]]
    # Three at the start and three restarted, one added, deleted, killed and lost, three evicted.
    assert len(asked) >= 13
    assert max(asked) <= WITHIN_S
    assert sum(e["refused_evictions"] for e in events.values()) > 0
    assert {"gateway", "triton", "redis", "ingest"} <= set(report["probes"])
    assert all(probed["readiness passed"] for probed in report["probes"].values())
    calls = sum(e["requests"] for e in events.values())
    assert calls == report["calls"]
    failed = sum(sum(e["failed"].values()) for e in events.values())
    degraded = sum(e["degraded"] for e in events.values())
    measured(f"{len(events)} events, {calls} calls, {failed} failed, {degraded} degraded")
    measured(f"a new Triton is asked after {min(asked)} to {max(asked)} s")

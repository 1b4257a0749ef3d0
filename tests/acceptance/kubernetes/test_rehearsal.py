"""`make rehearse` plays production under load, and no call fails."""

import json
from collections.abc import Callable

from tests.acceptance.made import Made
from tests.e2e.system import ROOT

EVENTS = ("start", "steady", "rolling update of the gateways", "rolling update of the Tritons",
          "gateways from 2 to 3", "gateways from 3 to 2", "Tritons from 2 to 3", "Tritons from 3 to 2",
          "kill -9 of a gateway", "kill -9 of a triton", "drain")  # fmt: skip
WITHIN_S = 30  # a new Triton is asked


def test_a_rehearsal_of_production_fails_no_call(
    generated_shop: Made, measured: Callable[[str], None]
) -> None:
    generated_shop.system.make("down")
    generated_shop.system.make("rehearse", check=False)
    report = json.loads((ROOT / "build/rehearsal/report.json").read_text())
    events = report["events"]
    assert report["passed"], [e for e in events if e["failed"] or e["problems"]]
    for name, event in zip(EVENTS, events, strict=True):
        assert event["event"].startswith(name)
        assert event["failed"] == {}
        assert name == "start" or event["requests"] > 10, event
    asked = [s for e in events[1:] for s in e["new_triton_traffic_s"]]
    assert len(asked) >= 6  # two restarted one after the other, one added, one killed, two evicted
    assert max(asked) <= WITHIN_S
    assert events[-1]["refused_evictions"] > 0
    assert {"gateway", "triton", "redis", "ingest"} <= set(report["probes"])
    assert all(probed["readiness passed"] for probed in report["probes"].values())
    calls = sum(e["requests"] for e in events)
    degraded = sum(e["degraded"] for e in events)
    measured(f"{len(events)} events, {calls} calls, 0 failed, {degraded} degraded")
    measured(f"a new Triton is asked after {min(asked)} to {max(asked)} s")

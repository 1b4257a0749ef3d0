import json

from tests.e2e.system import System


def test_the_served_quality_is_the_offline_figure(system: System):
    done = system.make("score", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    report = json.loads((system.state / "report/score.json").read_text())
    found = {
        m["model"]: m["value"]
        for m in report["measurements"]
        if (m["task"], m["metric"]) == ("any", "ndcg@10")
    }
    assert found["served"] > found["popularity"]
    assert found["served"] < found["oracle"]
    assert abs(found["served"] - found["offline"]) <= 0.002
    assert report["answers"]["count"] > 100
    assert report["answers"]["degraded"] == 0

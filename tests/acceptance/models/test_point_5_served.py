"""The fused system is what `make up` serves, and `make score` shows what it gains."""

import json
from collections.abc import Callable

from tests.acceptance.made import Made


def test_point_5a_make_up_serves_the_fusion_within_its_time(
    full: Made, measured: Callable[[str], None]
) -> None:
    bundle = (full.state / "bundles" / "current").resolve()
    members = json.loads((bundle / "policy.json").read_text())["members"]
    measured(f"{full.seconds:.0f} s of 720, {full.memory_gib:.2f} GiB of 4; {', '.join(members)}")
    assert len(members) >= 3
    assert full.seconds < 12 * 60
    assert full.memory_gib < 4


def test_point_5b_score_shows_its_gain(full: Made, measured: Callable[[str], None]) -> None:
    done = full.system.make("score", check=False)
    document = json.loads((full.state / "report" / "score.json").read_text())
    found = {(m["task"], m["model"], m["metric"]): m["value"] for m in document["measurements"]}
    served, bar = (found["any", model, "ndcg@10"] for model in ("served", "personal_decay"))
    new, popular = (found["new", model, "ndcg@10"] for model in ("served", "popularity"))
    measured(
        f"any {served:.4f} (personal decay {bar:.4f}), new {new:.4f} (popularity {popular:.4f})"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert served > bar
    assert new > popular

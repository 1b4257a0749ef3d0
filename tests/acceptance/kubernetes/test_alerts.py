"""Prometheus's own tool reads the alerts; each fires where it should, and no other with it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.system import ROOT

PROMTOOL = shutil.which("promtool")
RULES = ROOT / "k8s/components/monitoring/rules.yaml"
CASES = yaml.safe_load(Path(__file__).with_name("alerts.yaml").read_text())
FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'

pytestmark = pytest.mark.skipif(
    PROMTOOL is None,
    reason="promtool is not installed; on Debian it comes with the package prometheus",
)


def case(of: dict[str, Any]) -> dict[str, Any]:
    series = {**CASES["well"], **of.get("series", {})}
    return {
        "interval": "1m",
        "input_series": [{"series": k, "values": v} for k, v in series.items() if v is not None],
        "promql_expr_test": [
            {
                "expr": FIRING,
                "eval_time": "110m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in of["fires"]
                ],
            }
        ],
    }


def test_every_alert_fires_where_it_should_and_no_other_beside_it(
    tmp_path: Path, measured: Callable[[str], None]
) -> None:
    spec = yaml.safe_load(RULES.read_text())["spec"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    alerts = {rule["alert"] for group in spec["groups"] for rule in group["rules"]}
    assert {name for of in CASES["cases"] for name in of["fires"]} == alerts
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [case(of) for of in CASES["cases"]],
    }
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", "tests.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured(f"{len(alerts)} alerts in {len(CASES['cases'])} cases")

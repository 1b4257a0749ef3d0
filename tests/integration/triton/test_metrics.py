"""What alerts, dashboard and autoscalers ask of Triton, a real one tells."""

import re
from pathlib import Path
from urllib.request import urlopen

from serving.triton.launcher import launch, stop, wait_ready
from serving.triton.ports import free_ports
from tests.integration.triton.tiny_models import add_sums
from tests.meta.k8s.facts import TRITON_METRICS


def test_triton_exposes_the_metrics_that_are_asked_for_by_model(tmp_path: Path) -> None:
    add_sums(tmp_path / "models")
    grpc_port, http_port, metrics_port = free_ports(3)
    log = tmp_path / "triton.log"
    process = launch(tmp_path / "models", grpc_port, http_port, metrics_port, log)
    try:
        wait_ready(process, grpc_port, 120, log)
        with urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10) as page:
            text = page.read().decode()
    finally:
        stop(process)
    found = {
        name: set(re.findall(r"(\w+)=", labels))
        for name, labels in re.findall(r"^(\w+)\{(.*?)\}", text, re.MULTILINE)
    }
    assert {name: found.get(name) for name in TRITON_METRICS} == TRITON_METRICS

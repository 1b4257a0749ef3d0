from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.meta.k8s.manifests import environment, workloads
from tests.rehearsal.overlay import Overlay

NOW = datetime(2017, 11, 27, 5, tzinfo=UTC)


@pytest.mark.parametrize("gateway", [{}, {"RECSERVE_GATEWAY_DRAIN_S": "9"}])
def test_the_bundle_is_named_as_an_operator_would(tmp_path: Path, gateway: dict[str, str]) -> None:
    overlay = Overlay("production", "0123456789abcdef", NOW, tmp_path)
    overlay.configure(gateway)
    objects = overlay.render()
    told = {
        workload.name: environment(objects, container)["BUNDLE"]
        for workload in workloads(objects)
        if workload.name in ("gateway", "triton", "ingest")
        for container in workload.containers
    }
    assert told == dict.fromkeys(("gateway", "triton", "ingest"), "0123456789abcdef")

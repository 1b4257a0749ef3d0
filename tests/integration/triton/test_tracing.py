"""A real Triton, told as the component `tracing` tells it, joins the traces that the gateway records."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest
import yaml
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from serving import tracing
from serving.clients.triton import TritonModels
from serving.triton.environment import DEFAULT, TritonEnvironment
from serving.triton.launcher import running
from tests.fakes.collector import Collector, by_http, said
from tests.fakes.sinks import ListRecorder
from tests.integration.triton.tiny_models import add_sums
from tests.meta.k8s.rendering import K8S

ROW = np.ones((1, 3), np.float32)


@dataclass(frozen=True, slots=True)
class Told(TritonEnvironment):
    """Starts the server with more options than `launch` gives it."""

    script: Path = Path()

    @property
    def binary(self) -> Path:
        return self.script


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with by_http() as collector:
        yield collector


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("traced")
    add_sums(folder / "models")
    patches = yaml.safe_load((K8S / "components/tracing/triton.yaml").read_text())
    options = [p["value"] for p in patches if p["path"].endswith("/args/-")]
    assert len(options) == len(patches) - 1
    url = f"http://{collector.address}/v1/traces"
    told = " ".join(f"'{option}'" for option in options).replace("$(TRACES_URL)", url)
    script = folder / "tritonserver"
    script.write_text(f'#!/bin/sh\nexec {TritonEnvironment(DEFAULT).binary} "$@" {told}\n')
    with running(folder / "models", folder, environment=Told(DEFAULT, script)) as target:
        yield target


@pytest.fixture
async def models(triton: str) -> AsyncIterator[TritonModels]:
    models = TritonModels([triton], Random(7), time.monotonic, ListRecorder())
    try:
        yield models
    finally:
        tracing.use(None)
        await models.close()


async def ask(models: TritonModels) -> str:
    """The trace's id, empty without one."""
    with tracing.answering("Recommend", "r", ()):
        answer = await models.infer("sums", {"a": ROW, "b": ROW}, ["total"], 30)
        assert answer["total"].tolist() == [[2, 2, 2]]
        return tracing.trace_id()


async def test_it_records_what_the_gateway_does_below_its_question(
    models: TritonModels, collector: Collector
) -> None:
    await ask(models)  # not traced at all
    tracing.use(TracerProvider(ALWAYS_OFF).get_tracer("test"))
    await ask(models)
    tracing.use(TracerProvider().get_tracer("test"))
    trace = await ask(models)
    spans = collector.wait(lambda spans: "compute" in {s.name for s in spans}, "Triton's spans")
    assert {s.trace_id.hex() for s in spans} == {trace}
    by_name = {s.name: s for s in spans}
    assert said(by_name["sums"].attributes)["triton.model_name"] == "sums"
    assert by_name["compute"].parent_span_id == by_name["sums"].span_id
    assert by_name["sums"].parent_span_id
    resource = collector.requests[0].resource_spans[0].resource
    assert said(resource.attributes)["service.name"] == "recserve-triton"

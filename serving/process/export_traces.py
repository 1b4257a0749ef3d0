"""Sends a worker's spans to a collector, where the standard variables of OpenTelemetry name one.

OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES and OTEL_BSP_* mean what they mean
elsewhere: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING

from serving import tracing
from serving.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "recserve-gateway"


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether an operator named a collector, and has not switched traces off."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    none = environment.get("OTEL_TRACES_EXPORTER", "").strip() == "none"
    return any(environment.get(name) for name in ENDPOINTS) and not off and not none


@asynccontextmanager
async def export_traces(flush_s: float) -> AsyncIterator[None]:
    """While the body runs; then what is left is sent, if the collector takes it within `flush_s`.

    Spans go out in batches by a thread. What finds its queue full, or no collector, is lost and logged:
    no call waits for it.

    Raises:
        SettingsError: a variable has a value that OpenTelemetry can't follow.
    """
    if not wanted(os.environ):
        yield
        return
    provider = _provider()
    tracing.use(provider.get_tracer("recserve"))
    try:
        yield
    finally:
        tracing.use(None)
        ending = Thread(target=provider.shutdown, daemon=True)  # it may wait for half a minute
        ending.start()
        await asyncio.to_thread(ending.join, flush_s)


def _provider() -> "TracerProvider":
    # Imported where it is needed: a worker without a collector starts the sooner.
    from opentelemetry.exporter.otlp.proto.grpc.exporter import (  # noqa: PLC0415
        InvalidCompressionValueException,
    )
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    try:
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: SERVICE}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except (ValueError, InvalidCompressionValueException) as error:
        given = ", ".join(sorted(name for name in os.environ if name.startswith("OTEL_")))
        raise SettingsError(f"one of {given} can't be followed: {error}") from error
    return provider

import pytest

from serving.process.export_traces import wanted

TO = "http://127.0.0.1:4317"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": TO}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": TO}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": TO}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": TO, "OTEL_SDK_DISABLED": "True"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": TO, "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_exported_where_a_collector_is_named(
    environment: dict[str, str], *, expected: bool
):
    assert wanted(environment) is expected

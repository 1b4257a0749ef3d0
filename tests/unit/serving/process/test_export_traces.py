import pytest

from serving.errors import SettingsError
from serving.process.export_traces import export_traces, wanted

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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
    ],
)
async def test_a_variable_that_can_not_be_followed_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", TO)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"one of .*{name}.* can't be followed: ."):
        async with export_traces(0):
            pass

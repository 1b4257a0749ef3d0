"""Every metric of a gateway worker; the supervisor adds the workers' figures up for `/metrics`.

A worker process must have PROMETHEUS_MULTIPROC_DIR set before this module is imported: the client
library decides then whether figures live in this process or in files that the supervisor reads.
"""

from collections.abc import Iterable
from functools import cache
from itertools import product

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from serving.types import ArtefactKind, CertificateOf, FeatureState, Reason, SearchOutcome

SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03),
    *(0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0),
)


class Metrics:
    """Counts and times; fulfils `Recorder` of serving/types.py. Labels take few, known values only."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"recserve_{name}", text, labels, registry=registry)

        def seconds(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(
                f"recserve_{name}_seconds", text, labels, registry=registry, buckets=SECONDS
            )

        self._requests = counter("requests", "Calls answered, by status code.", "method", "code")
        self._request_seconds = seconds("request", "From admission to answer.", "method")
        self._stage_seconds = seconds("stage", "Time of one stage of a call.", "stage")
        self._degradations = counter("degradations", "What was done less well.", "stage", "reason")
        self._features = counter(
            "features", "Feature rows looked up, by what was found.", "view", "state"
        )
        self._triton_calls = counter("triton_calls", "Calls to Triton.", "model", "outcome")
        self._triton_seconds = seconds("triton_call", "Time of one call to Triton.", "model")
        self._dropped = counter("request_log_dropped", "Entries that the log had no room for.")
        self._in_flight = Gauge(
            "recserve_in_flight",
            "Calls being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._artefact = Gauge(
            "recserve_artefact_info",
            "1 for each bundle and item snapshot in use.",
            ("kind", "version"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._item_lag = Gauge(
            "recserve_item_lag_seconds",
            "Since the slowest worker knew all changes of items.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._changed_items = Gauge(
            "recserve_changed_items",
            "Items that a worker holds beside the snapshot, as they changed since.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._search_changes = counter(
            "search_changes", "Items that the search index was to find otherwise.", "outcome"
        )
        self._search_commit = seconds("search_commit", "Of changes of items to the search index.")
        self._overlaid_items = Gauge(
            "recserve_overlaid_items",
            "Items that a worker finds otherwise than its search index was built.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._certificate_end = Gauge(
            "recserve_certificate_end_seconds",
            "When the first of a file's certificates ends, in seconds since 1970.",
            ("certificate",),
            registry=registry,
            multiprocess_mode="livemin",
        )
        self._in_use: dict[ArtefactKind, str] = {}
        # The library looks every child up under a lock, which costs more than the counting itself.
        self._of_stage = cache(self._stage_seconds.labels)
        self._of_feature = cache(self._features.labels)

    def expect(self, methods: Iterable[str], codes: Iterable[str]) -> None:
        """Counts from 0 on: of what appears as 1 nobody could say that it has risen."""
        for method, code in product(methods, codes):
            self._requests.labels(method, code)

    def request(self, method: str, code: str, seconds: float) -> None:
        self._requests.labels(method, code).inc()
        self._request_seconds.labels(method).observe(seconds)

    def refused(self, method: str, code: str) -> None:
        """Turned away before it was a request: it counts, its time says nothing."""
        self._requests.labels(method, code).inc()

    def stage(self, stage: str, seconds: float) -> None:
        self._of_stage(stage).observe(seconds)

    def degraded(self, stage: str, reason: Reason) -> None:
        self._degradations.labels(stage, reason).inc()

    def feature(self, view: str, state: FeatureState, count: int) -> None:
        self._of_feature(view, state).inc(count)

    def triton_call(self, endpoint: str, model: str, outcome: str, seconds: float) -> None:  # noqa: ARG002 - endpoints come and go: they would be labels without end
        self._triton_calls.labels(model, outcome).inc()
        self._triton_seconds.labels(model).observe(seconds)

    def request_log_dropped(self, count: int) -> None:
        self._dropped.inc(count)

    def in_flight(self, change: int) -> None:
        self._in_flight.inc(change)

    def items(self, lag_s: float, changed: int) -> None:
        """How long ago the items were surely as in the store, and how many differ from the snapshot."""
        self._item_lag.set(lag_s)
        self._changed_items.set(changed)

    def search_changes(self, outcome: SearchOutcome, count: int) -> None:
        self._search_changes.labels(outcome).inc(count)

    def search_commit(self, seconds: float) -> None:
        self._search_commit.observe(seconds)

    def overlaid_items(self, count: int) -> None:
        self._overlaid_items.set(count)

    def certificate(self, of: CertificateOf, end_s: float | None) -> None:
        """Of what was read at the start; None: no end was found."""
        if end_s is not None:
            self._certificate_end.labels(of).set(end_s)

    def artefact(self, kind: ArtefactKind, version: str) -> None:
        """Says that `version` is in use from now on, instead of the one before."""
        if kind in self._in_use:
            self._artefact.labels(kind, self._in_use[kind]).set(0)
        self._in_use[kind] = version
        self._artefact.labels(kind, version).set(1)

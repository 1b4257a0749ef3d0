"""The Python client of Recserve: what should this person see here, now, and in which order?

with Client("recommendations.shop.example:443") as client:
    slate = client.recommend(Surface.PRODUCT, user_id="42", consent=Consent(personalization=True))
"""

from recserve.client.channels import Tls
from recserve.client.clients import AsyncClient, Client
from recserve.client.enums import (
    CandidateSource,
    DegradationAction,
    DegradationReason,
    Device,
    FilterKind,
    IdKind,
    QueryMatch,
    RemovalReason,
    Surface,
)
from recserve.client.errors import (
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    NotFound,
    NotServed,
    Overloaded,
    RecserveError,
    ServerFault,
    Unavailable,
)
from recserve.client.requests import Consent, Context, Event, Filter
from recserve.client.results import (
    Answer,
    Contribution,
    Correction,
    Degradation,
    Explanation,
    Facet,
    FacetCount,
    FilterField,
    Outcome,
    Page,
    Recorded,
    RemovedCount,
    ScoredItem,
    Slate,
    SourceCount,
    StageTiming,
    Status,
)
from recserve.client.version import __version__

__all__ = [
    "Answer",
    "AsyncClient",
    "CandidateSource",
    "Client",
    "Consent",
    "Context",
    "Contribution",
    "Correction",
    "DeadlineExceeded",
    "Degradation",
    "DegradationAction",
    "DegradationReason",
    "Device",
    "Event",
    "Explanation",
    "Facet",
    "FacetCount",
    "FieldViolation",
    "Filter",
    "FilterField",
    "FilterKind",
    "IdKind",
    "InvalidRequest",
    "NotFound",
    "NotServed",
    "Outcome",
    "Overloaded",
    "Page",
    "QueryMatch",
    "Recorded",
    "RecserveError",
    "RemovalReason",
    "RemovedCount",
    "ScoredItem",
    "ServerFault",
    "Slate",
    "SourceCount",
    "StageTiming",
    "Status",
    "Surface",
    "Tls",
    "Unavailable",
    "__version__",
]

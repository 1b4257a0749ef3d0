"""What a worker serves, as StatusService tells it."""

from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import status_service_pb2 as status_pb

from serving.bundle import Bundle
from serving.features.filter_fields import filter_fields
from serving.items import ItemSnapshot
from serving.search.engine import Versions


def reply(
    bundle: Bundle,
    snapshot: ItemSnapshot,
    surfaces: tuple[str, ...],
    search: Versions,
    now_us: int,
) -> status_pb.GetStatusResponse:
    now = Timestamp()
    now.FromMicroseconds(now_us)
    return status_pb.GetStatusResponse(
        project=bundle.plan.project,
        bundle_id=bundle.bundle_id,
        snapshot_version=snapshot.version,
        item_count=snapshot.count,
        offer_count=len(snapshot.offers.offer_id) if snapshot.offers else 0,
        surfaces=[n for n in pb.Surface.keys() if n in surfaces],  # noqa: SIM118 - no mapping
        id_kind=f"ID_KIND_{bundle.plan.id_kind.upper()}",
        filter_fields=[
            status_pb.FilterField(name=field.name, kind=f"FILTER_KIND_{field.kind.upper()}")
            for field in filter_fields(bundle.plan).values()
        ],
        models=sorted(bundle.plan.models),
        horizon_days=bundle.horizon_days,
        server_time=now,
        index_version=search.index or "",
        vectors_version=search.vectors or "",
    )

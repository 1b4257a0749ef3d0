"""The Node.js example, as its page says."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.acceptance.made import Made
from tests.e2e.asking import SECONDS, ids
from tests.e2e.system import ROOT

EXAMPLE = ROOT / "serving/client/node"


def test_point_3a_node_gets_the_slate_that_python_gets(
    generated_shop: Made, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    shutil.copytree(ROOT / "serving/client", tmp_path / "serving/client")
    folder = tmp_path / EXAMPLE.relative_to(ROOT)
    path = {"PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(
        ["npm", "ci"], cwd=folder, env=os.environ | path, check=True, capture_output=True
    )
    command = ["node", "recommend.js", generated_shop.system.gateway, "1", "5"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | path, check=True, capture_output=True, text=True
    )
    with grpc.insecure_channel(generated_shop.system.gateway) as channel:
        request = pb.RecommendRequest(
            user_id="1", surface=pb.SURFACE_PRODUCT, page_size=5,
            consent=pb.Consent(personalization=True),
        )  # fmt: skip
        answer = stubs.RecommendationServiceStub(channel).Recommend(request, timeout=SECONDS)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ids(answer)
    measured(f"{len(answer.items)} items alike")


def test_point_3b_reflection_is_enough(
    generated_shop: Made, measured: Callable[[str], None]
) -> None:
    """What grpcurl does: no stubs, the server's own description and JSON."""
    from google.protobuf import descriptor_pool, json_format, message_factory  # noqa: PLC0415
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # noqa: PLC0415
        ProtoReflectionDescriptorDatabase,
    )

    with grpc.insecure_channel(generated_shop.system.gateway) as channel:
        described = ProtoReflectionDescriptorDatabase(channel)
        services = set(described.get_services())
        pool = descriptor_pool.DescriptorPool(described)
        service = pool.FindServiceByName("recserve.v1.RecommendationService")
        method = service.FindMethodByName("Recommend")
        kinds = [
            message_factory.GetMessageClass(t) for t in (method.input_type, method.output_type)
        ]
        asked = json_format.Parse('{"user_id": "1", "surface": "SURFACE_PRODUCT"}', kinds[0]())
        call = channel.unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=kinds[1].FromString,
        )
        answer = json_format.MessageToDict(call(asked, timeout=SECONDS))
    public = {f"recserve.v1.{name}Service" for name in ("Recommendation", "Event", "Status")}
    assert public <= services
    assert len(answer["items"]) == 10
    measured(f"{len(services)} services listed")

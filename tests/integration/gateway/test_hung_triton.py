"""A Triton that takes connections and never answers."""

import socket
from collections import Counter
from pathlib import Path

import grpc
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.integration.gateway.running import ANONYMOUS, connected, launched

CALLERS = 40


def test_all_who_wait_for_it_at_once_get_an_unranked_answer_in_time(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        endpoint = {"TRITON_ENDPOINTS": f"127.0.0.1:{hung.getsockname()[1]}", "WORKERS": "1"}
        with launched(settings | endpoint, tmp_path) as gateway, connected(gateway) as channel:
            gateway.wait_serving(1)
            ask = stubs.RecommendationServiceStub(channel).Recommend
            calls = [ask.future(ANONYMOUS, timeout=1) for _ in range(CALLERS)]
            codes = Counter(call.code() for call in calls)
            assert codes == {grpc.StatusCode.OK: CALLERS}
            done = {d.stage: d.action for d in calls[-1].result().answer.degradations}
    assert done["rank"] == pb.DEGRADATION_ACTION_UNRANKED

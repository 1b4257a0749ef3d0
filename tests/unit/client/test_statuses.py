"""Every status becomes an error that says what the server said."""

import inspect
import pickle
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import code_pb2
from google.rpc.status_pb2 import Status
from recserve.client import (
    FieldViolation,
    InvalidRequest,
    NotFound,
    NotServed,
    Overloaded,
    RecserveError,
    ServerFault,
    Surface,
    Unavailable,
    errors,
)
from recserve.client.statuses import ERRORS

from serving import errors as server_errors
from serving.rpc.statuses import internal, resource_exhausted, status_of
from tests.fakes.scripted_gateway import ScriptedGateway, refuse
from tests.unit.client.asking import KINDS, asked

both = pytest.mark.parametrize("kind", KINDS)
VIOLATIONS = (
    server_errors.FieldViolation("page_size", "is 101; give 1 to 100"),
    server_errors.FieldViolation("surface", "is required"),
)


async def _failed(kind: type[Any], endpoint: str, **said: Any) -> RecserveError:
    with pytest.raises(RecserveError) as caught:
        await asked(kind, endpoint, lambda c: c.recommend(Surface.PRODUCT, **said), timeout_s=30)
    return caught.value


@both
async def test_an_invalid_request_names_its_fields(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(refuse(status_of(server_errors.InvalidRequest(VIOLATIONS), "r-7")))
    error = await _failed(kind, endpoint)
    assert isinstance(error, InvalidRequest)
    assert error.violations == (
        FieldViolation("page_size", "is 101; give 1 to 100"),
        FieldViolation("surface", "is required"),
    )
    assert error.request_id == "r-7"
    assert isinstance(error.__cause__, grpc.RpcError)


@both
async def test_an_unknown_item_is_not_found(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(refuse(status_of(server_errors.UnknownItem("77"), "r-7")))
    error = await _failed(kind, endpoint)
    assert isinstance(error, NotFound)
    assert "77" in str(error)
    assert "r-7" in str(error)


@both
async def test_a_surface_that_is_not_served_is_named(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    not_served = server_errors.SurfaceNotServed("SURFACE_AD", ("SURFACE_PRODUCT",))
    gateway.plan(refuse(status_of(not_served, "r-7")))
    error = await _failed(kind, endpoint)
    assert isinstance(error, NotServed)
    assert "SURFACE_AD" in str(error)


@both
async def test_an_overloaded_server_says_when_to_come_again(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(refuse(resource_exhausted("r-7", retry_after_s=2.5)))
    error = await _failed(kind, endpoint)
    assert isinstance(error, Overloaded)
    assert error.retry_after_s == 2.5


@both
async def test_a_fault_of_the_server_gives_the_request_to_quote(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(refuse(internal("r-7")))
    error = await _failed(kind, endpoint)
    assert isinstance(error, ServerFault)
    assert error.code is grpc.StatusCode.INTERNAL
    assert error.request_id == "r-7"


@both
async def test_without_a_server_the_callers_own_request_id_holds(kind: type[Any]) -> None:
    error = await _failed(kind, "127.0.0.1:1", request_id="mine")
    assert isinstance(error, Unavailable)
    assert (error.request_id, error.retry_after_s) == ("mine", None)


@both
async def test_a_garbled_detail_hides_no_error(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    url = "type.googleapis.com/google.rpc.BadRequest"
    garbled = Status(
        code=code_pb2.INVALID_ARGUMENT,
        message="no",
        details=[Packed(type_url=url, value=b"\xff\xff")],
    )
    gateway.plan(refuse(garbled))
    error = await _failed(kind, endpoint)
    assert isinstance(error, InvalidRequest)
    assert (error.violations, error.request_id) == ((), None)


@both
async def test_garbled_details_hide_no_error(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    def garbled(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "no")

    gateway.plan(garbled)
    assert isinstance(await _failed(kind, endpoint), NotFound)


@both
async def test_a_stream_that_was_cut_off_can_be_tried_again(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    cut_off = Status(code=code_pb2.INTERNAL, message="Internal error from Core")
    gateway.plan(refuse(cut_off))
    assert isinstance(await _failed(kind, endpoint), Unavailable)


def test_every_status_has_its_error() -> None:
    assert set(ERRORS) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


def test_the_tree_names_every_error() -> None:
    declared = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, RecserveError)
    }
    drawn = inspect.getdoc(errors) or ""
    assert [name for name in declared if name not in drawn] == []
    assert {e.__name__ for e in ERRORS.values()} | {"RecserveError"} == declared


def test_an_error_can_cross_processes() -> None:
    error = NotFound(errors.Told(grpc.StatusCode.NOT_FOUND, "no", "r-7"))
    assert pickle.loads(pickle.dumps(error)).told == error.told

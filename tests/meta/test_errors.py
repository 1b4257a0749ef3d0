"""No error of ours reaches a caller without a status of its own."""

import importlib
import inspect

from serving import errors
from serving.errors import OutsideError, RecserveError
from serving.policy import INSTEAD, REASONS
from serving.rpc.statuses import STATUSES
from tests.meta.imports import closure


def test_every_error_has_a_status() -> None:
    declared = _errors_of("serving.errors")
    assert len(declared) > 8
    assert [e.__name__ for e in declared if e not in STATUSES] == []


def test_every_error_that_a_call_can_raise_has_a_status() -> None:
    ours = [m for m in closure("serving.api") if m.startswith("serving")]
    raised = {e for m in ours for e in _errors_of(m)}
    assert [e.__name__ for e in raised if e not in STATUSES] == []


def test_every_outside_failure_has_a_reason_to_tell() -> None:
    leaves = {e for e in _errors_of("serving.errors") if issubclass(e, OutsideError)}
    assert leaves - {OutsideError} == set(REASONS)
    assert INSTEAD


def test_the_tree_at_the_top_names_every_error() -> None:
    drawn = inspect.getdoc(errors) or ""
    assert [e.__name__ for e in _errors_of("serving.errors") if e.__name__ not in drawn] == []


def _errors_of(module: str) -> set[type[RecserveError]]:
    return {
        found
        for found in vars(importlib.import_module(module)).values()
        if isinstance(found, type)
        and issubclass(found, RecserveError)
        and found.__module__ == module
    }

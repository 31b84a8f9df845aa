"""Contains all the data models used in inputs/outputs; each is imported when it is first used"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chained_error import ChainedError
    from .error import Error
    from .error_source import ErrorSource
    from .failure_response import FailureResponse
    from .get_by_ids_request import GetByIdsRequest
    from .get_by_ids_response import GetByIdsResponse
    from .insert_response import InsertResponse
    from .insert_result import InsertResult
    from .metadata import Metadata
    from .unparsable_behavior import UnparsableBehavior
    from .vector import Vector
    from .vector_line import VectorLine
else:
    _MODULES = {
        "ChainedError": ".chained_error",
        "Error": ".error",
        "ErrorSource": ".error_source",
        "FailureResponse": ".failure_response",
        "GetByIdsRequest": ".get_by_ids_request",
        "GetByIdsResponse": ".get_by_ids_response",
        "InsertResponse": ".insert_response",
        "InsertResult": ".insert_result",
        "Metadata": ".metadata",
        "UnparsableBehavior": ".unparsable_behavior",
        "Vector": ".vector",
        "VectorLine": ".vector_line",
    }

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name], __name__), name)


__all__ = (
    "ChainedError",
    "Error",
    "ErrorSource",
    "FailureResponse",
    "GetByIdsRequest",
    "GetByIdsResponse",
    "InsertResponse",
    "InsertResult",
    "Metadata",
    "UnparsableBehavior",
    "Vector",
    "VectorLine",
)

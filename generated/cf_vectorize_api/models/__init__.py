"""Contains all the data models used in inputs/outputs"""

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

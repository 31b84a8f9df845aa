"""One record -> one NDJSON line, its values as shortest float32 decimals. Pure.

What JSON can express is written as it is, right or wrong, so that the rules of `check` judge it; NaN and half
surrogate pairs are written as Python's own json writes them. What JSON cannot express is not guessed: the record's
place is taken by a stand-in, a line that says what is wrong and that no check finds good.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from reprlib import repr as short_repr
from typing import Any, Final

import attrs
import orjson

from cf_vectorize.base.extras import optional

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SCALARS: Final = frozenset({str, int, float, bool})
_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1
NUMBER_KINDS: Final = "fiu"  # of a NumPy dtype: floats, integers, unsigned integers
# A stand-in is JSON without values. The cut, which sees the ends of lines only, knows it by a blank none has there.
_STAND_IN: Final = b'{"unencodable":'
STAND_IN_END: Final = b"\t"
_STAND_IN_RULES: Final = ("record", "line-size")
_TOO_DEEP: Final = "is nested too deeply to be written, or holds itself"
MASKED: Final = "is an array with masked values; fill them, or leave the rows out"


@attrs.define(slots=False)
class _RefusedError(Exception):
    column: str
    reason: str


@cache
def numpy() -> Any:
    """Return the module, or None where it is not installed."""
    return optional("numpy")


def stand_in(reason: str, identity: object = None, rule: str = "record") -> bytes:
    """Return the line that takes the place of what cannot be one.

    Args:
        reason: What is wrong, in words.
        identity: The record's id; said where it is a string of whole characters.
        rule: The rule's name: "record" for a record that JSON cannot express, "line-size" for too long a line.

    """
    named = isinstance(identity, str) and not _SURROGATE.search(identity)
    document = {"unencodable": reason, "id": identity if named else None, "rule": rule}
    text = json.dumps(document, separators=(",", ":"))
    return text.encode() + STAND_IN_END


def read_stand_in(line: bytes) -> tuple[str, str, str | None] | None:
    """Return the rule, the reason and the id that a stand-in says, None for any other line."""
    if not (line.startswith(_STAND_IN) and line.endswith(STAND_IN_END)):
        return None
    try:
        document = json.loads(line)
        rule, reason, identity = document["rule"], document["unencodable"], document["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    known = rule in _STAND_IN_RULES and isinstance(reason, str) and isinstance(identity, str | None)
    return (rule, reason, identity) if known else None


def encode(record: Mapping[str, Any], *, ready: bool = False) -> bytes:
    """Return one record as an NDJSON line without a newline, or its stand-in.

    Args:
        record: The members of the line; `values` may be any sequence or array of numbers.
        ready: `values` is what `as_float32` or `as_json` gave.

    """
    members: dict[str, Any] = {}
    try:
        for name, value in record.items():
            members[_key(name, "the record")] = value if ready and name == "values" else _member(name, value)
        return orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY)
    except _RefusedError as error:
        reason = f"{error.column} {error.reason}"
    except orjson.JSONEncodeError:  # a level of nesting is all that it refuses of what `_plain` gave
        reason = f"{_deepest(members)} {_TOO_DEEP}"
    except Exception as error:  # noqa: BLE001 - whatever the caller's own mapping raises
        reason = f"cannot be read: {type(error).__name__}: {error}"
    return stand_in(reason, members.get("id"))


def _member(name: str, value: Any) -> Any:
    try:
        return _values(value) if name == "values" else _plain(value, name)
    except RecursionError:
        raise _RefusedError(name, _TOO_DEEP) from None


def _deepest(members: dict[str, Any]) -> str:
    for name, value in members.items():
        try:
            orjson.dumps([value], option=orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:
            return name
    return "the record"


def _values(values: Any) -> Any:
    """Return values as orjson writes them in float32, or as they are where `check` has to name what is wrong."""
    np = numpy()
    if np is None and hasattr(values, "tolist"):
        values = values.tolist()
    if np is None or isinstance(values, (list, tuple)):
        return _values_of_list(values)
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise _RefusedError("values", MASKED)
        values = values.data
    try:
        array = np.asarray(values)
    except Exception as error:  # noqa: BLE001 - whatever the library of the array raises
        raise _RefusedError("values", f"{type(values).__name__} cannot be read as an array: {error}") from None
    if array.ndim == 1 and array.dtype.kind in NUMBER_KINDS:
        floats = as_float32(array)
        if np.isfinite(floats).all():
            return floats
    return as_json(array.tolist())


def as_float32(array: Any) -> Any:
    """Return a NumPy array as contiguous float32, itself where it is that; what is too large becomes infinite."""
    np = numpy()
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)


def as_json(values: Any) -> Any:
    """Return values that are not all finite float32 so that they are written as they stand, for `check` to judge."""
    return _plain(values, "values")


def _values_of_list(values: Any) -> Any:
    floats = pack(values) if isinstance(values, (list, tuple)) else None
    return as_json(values) if floats is None else floats


def pack(values: Sequence[Any]) -> Any:
    """Return a list of numbers as orjson writes them in float32; None where one is no number or not finite in it."""
    np = numpy()
    try:
        if bool in set(map(type, values)):
            return None
        packed = struct.pack(f"{len(values)}f", *values)
    except (OverflowError, struct.error):
        return None
    if np is not None:
        floats = np.frombuffer(packed, np.float32)
        return floats if np.isfinite(floats).all() else None
    # Nine digits tell each float32 from its neighbours. The shortest that do, a tenth fewer bytes, need NumPy.
    text = ("%.9g," * len(values)) % struct.unpack(f"{len(values)}f", packed)
    if "n" in text:  # nan or inf
        return None
    return orjson.Fragment("[" + text.replace("-0,", "-0.0,")[:-1] + "]")


def _plain(value: Any, place: str) -> Any:
    """Return a value that orjson writes as Python's json would; refuse what would have to be guessed."""
    if value is None or type(value) in _SCALARS:
        return value if _is_json(value) else _fragment(value, place)
    if isinstance(value, Mapping):
        return {_key(key, place): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{number}]") for number, item in enumerate(value)]
    return _plain(_builtin(value, place), place)


def _fragment(value: Any, place: str) -> orjson.Fragment:
    try:
        return orjson.Fragment(json.dumps(value))
    except ValueError:  # Python writes no integers of thousands of digits
        raise _RefusedError(place, "is an integer of too many digits to be written; convert it first") from None


def _is_json(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() or not _SURROGATE.search(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or _INT64_MIN <= value <= _UINT64_MAX  # beyond them orjson refuses, and JSON does not


def _builtin(value: Any, place: str) -> Any:
    """Return a subclass's or NumPy's value as the type of Python's own that it stands for."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    np = numpy()
    if np is not None and isinstance(value, np.floating):
        return float(value)  # a long double's tolist() gives itself
    python = value.tolist() if type(value).__module__.partition(".")[0] == "numpy" else value
    if type(python) is type(value):
        raise _RefusedError(
            place, f"{_shown(value)} is of type {type(value).__name__}, which JSON does not have; convert it first"
        )
    return python


def _shown(value: Any) -> str:
    try:
        return short_repr(value)
    except Exception:  # noqa: BLE001 - whatever the caller's own object raises
        return "a value"


def _key(key: Any, place: str) -> str:
    if not isinstance(key, str) or _SURROGATE.search(key):
        raise _RefusedError(place, f"the key {_shown(key)} is no string of whole characters; convert it first")
    return key

from __future__ import annotations

from collections.abc import Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Self,
    TypeVar,
    cast,
)

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.error import Error


T = TypeVar("T", bound="FailureResponse")


@_attrs_define
class FailureResponse:
    """Failure envelope of both operations.

    Attributes:
        success (Literal[False]):
        errors (list[Error]):
        messages (list[Error]):
        result (None):
        result_info (None | Unset): Seen as null in some failures, absent in others.
    """

    success: Literal[False]
    errors: list[Error]
    messages: list[Error]
    result: None
    result_info: None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        success = self.success

        errors = []
        for errors_item_data in self.errors:
            errors_item = errors_item_data.to_dict()
            errors.append(errors_item)

        messages = []
        for componentsschemas_messages_item_data in self.messages:
            componentsschemas_messages_item = (
                componentsschemas_messages_item_data.to_dict()
            )
            messages.append(componentsschemas_messages_item)

        result = self.result

        result_info = self.result_info

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "success": success,
                "errors": errors,
                "messages": messages,
                "result": result,
            }
        )
        if result_info is not UNSET:
            field_dict["result_info"] = result_info

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.error import Error

        d = dict(src_dict)
        success = cast(Literal[False], d.pop("success"))
        if success != False:
            raise ValueError(f"success must match const False, got '{success}'")

        errors = []
        _errors = d.pop("errors")
        for errors_item_data in _errors:
            errors_item = Error.from_dict(errors_item_data)

            errors.append(errors_item)

        messages = []
        _messages = d.pop("messages")
        for componentsschemas_messages_item_data in _messages:
            componentsschemas_messages_item = Error.from_dict(
                componentsschemas_messages_item_data
            )

            messages.append(componentsschemas_messages_item)

        result = d.pop("result")

        result_info = d.pop("result_info", UNSET)

        failure_response = cls(
            success=success,
            errors=errors,
            messages=messages,
            result=result,
            result_info=result_info,
        )

        failure_response.additional_properties = d
        return failure_response

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties

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

if TYPE_CHECKING:
    from ..models.error import Error
    from ..models.vector import Vector


T = TypeVar("T", bound="GetByIdsResponse")


@_attrs_define
class GetByIdsResponse:
    """Success envelope of `get_by_ids`.

    Attributes:
        success (Literal[True]):
        errors (list[Error]):
        messages (list[Error]):
        result (list[Vector]):
    """

    success: Literal[True]
    errors: list[Error]
    messages: list[Error]
    result: list[Vector]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        success = self.success

        errors = []
        for componentsschemas_messages_item_data in self.errors:
            componentsschemas_messages_item = (
                componentsschemas_messages_item_data.to_dict()
            )
            errors.append(componentsschemas_messages_item)

        messages = []
        for componentsschemas_messages_item_data in self.messages:
            componentsschemas_messages_item = (
                componentsschemas_messages_item_data.to_dict()
            )
            messages.append(componentsschemas_messages_item)

        result = []
        for result_item_data in self.result:
            result_item = result_item_data.to_dict()
            result.append(result_item)

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

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.error import Error
        from ..models.vector import Vector

        d = dict(src_dict)
        success = cast(Literal[True], d.pop("success"))
        if success != True:
            raise ValueError(f"success must match const True, got '{success}'")

        errors = []
        _errors = d.pop("errors")
        for componentsschemas_messages_item_data in _errors:
            componentsschemas_messages_item = Error.from_dict(
                componentsschemas_messages_item_data
            )

            errors.append(componentsschemas_messages_item)

        messages = []
        _messages = d.pop("messages")
        for componentsschemas_messages_item_data in _messages:
            componentsschemas_messages_item = Error.from_dict(
                componentsschemas_messages_item_data
            )

            messages.append(componentsschemas_messages_item)

        result = []
        _result = d.pop("result")
        for result_item_data in _result:
            result_item = Vector.from_dict(result_item_data)

            result.append(result_item)

        get_by_ids_response = cls(
            success=success,
            errors=errors,
            messages=messages,
            result=result,
        )

        get_by_ids_response.additional_properties = d
        return get_by_ids_response

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

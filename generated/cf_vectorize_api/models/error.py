from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.chained_error import ChainedError
    from ..models.error_source import ErrorSource


T = TypeVar("T", bound="Error")


@_attrs_define
class Error:
    """One error, or one message, of an envelope. Match on the code; the wording changes.

    Attributes:
        code (int):
        message (str):
        documentation_url (str | Unset):
        source (ErrorSource | Unset):
        error_chain (list[ChainedError] | Unset):
    """

    code: int
    message: str
    documentation_url: str | Unset = UNSET
    source: ErrorSource | Unset = UNSET
    error_chain: list[ChainedError] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        message = self.message

        documentation_url = self.documentation_url

        source: dict[str, Any] | Unset = UNSET
        if not isinstance(self.source, Unset):
            source = self.source.to_dict()

        error_chain: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.error_chain, Unset):
            error_chain = []
            for error_chain_item_data in self.error_chain:
                error_chain_item = error_chain_item_data.to_dict()
                error_chain.append(error_chain_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "message": message,
            }
        )
        if documentation_url is not UNSET:
            field_dict["documentation_url"] = documentation_url
        if source is not UNSET:
            field_dict["source"] = source
        if error_chain is not UNSET:
            field_dict["error_chain"] = error_chain

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.chained_error import ChainedError
        from ..models.error_source import ErrorSource

        d = dict(src_dict)
        code = d.pop("code")

        message = d.pop("message")

        documentation_url = d.pop("documentation_url", UNSET)

        _source = d.pop("source", UNSET)
        source: ErrorSource | Unset
        if isinstance(_source, Unset):
            source = UNSET
        else:
            source = ErrorSource.from_dict(_source)

        _error_chain = d.pop("error_chain", UNSET)
        error_chain: list[ChainedError] | Unset = UNSET
        if _error_chain is not UNSET:
            error_chain = []
            for error_chain_item_data in _error_chain:
                error_chain_item = ChainedError.from_dict(error_chain_item_data)

                error_chain.append(error_chain_item)

        error = cls(
            code=code,
            message=message,
            documentation_url=documentation_url,
            source=source,
            error_chain=error_chain,
        )

        error.additional_properties = d
        return error

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

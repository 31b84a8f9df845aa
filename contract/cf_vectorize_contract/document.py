"""The OpenAPI document that describes the contract: its nodes, references and operations. Reads one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs
import yaml
from referencing import Registry
from referencing.exceptions import PointerToNowhere
from referencing.jsonschema import DRAFT202012

from .schema import references
from .texts import template_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .wire import Request

METHODS = {"get", "put", "post", "delete", "patch"}
URI = "urn:cf-vectorize:fragment"


@attrs.frozen
class Node:
    """A place of the document, and what stands there."""

    pointer: str
    value: Any

    def __truediv__(self, key: str) -> Node:
        return Node(f"{self.pointer}/{key.replace('~', '~0').replace('/', '~1')}", self.value[key])

    def __contains__(self, key: str) -> bool:
        return key in self.value


@attrs.frozen
class Operation:
    """The operation that a request is for, and the parameters that its path holds."""

    path: Node
    node: Node
    found: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its id."""
        return str(self.node.value["operationId"])


class Document:
    """A document whose references all lead somewhere.

    Args:
        contents: The document, decoded.

    Attributes:
        root: Its root.
        prefix: The path of its first server, which stands before every path.
        registry: What resolves its references.

    Raises:
        ValueError: A reference leads nowhere.

    """

    def __init__(self, contents: Mapping[str, Any]) -> None:
        self.root = Node("", contents)
        self.prefix = urlsplit(contents["servers"][0]["url"]).path
        self.registry: Registry[Any] = Registry().with_resource(URI, DRAFT202012.create_resource(contents))
        self._resolver = self.registry.resolver(URI)
        for reference in references(contents):
            self.at(reference)

    def route(self, operation_id: str) -> tuple[str, str]:
        """Return an operation's method, and its path below the base URL with its parameters in braces."""
        for template, path_item in self.root.value["paths"].items():
            for method in METHODS & path_item.keys():
                if path_item[method]["operationId"] == operation_id:
                    return method.upper(), template
        raise ValueError(f"the fragment has no operation {operation_id}")

    def operation(self, request: Request) -> Operation | None:
        """Return the operation that a request is for; None where the document has none."""
        path, method = urlsplit(request.target).path, request.method.lower()
        found: list[Operation] = []
        for template, path_item in self.root.value["paths"].items():
            matched = template_pattern(self.prefix + template).fullmatch(path)
            if matched and method in path_item and method in METHODS:
                item = self.root / "paths" / template
                found.append(Operation(item, item / method, matched.groupdict()))
        # A fixed path goes before a template that matches it too.
        return min(found, key=lambda operation: len(operation.found), default=None)

    def follow(self, node: Node) -> Node:
        """Return a node, or what it refers to."""
        return self.at(node.value["$ref"]) if "$ref" in node else node

    def at(self, reference: str) -> Node:
        """Return what a reference leads to.

        Raises:
            ValueError: It leads nowhere.

        """
        try:
            found = self._resolver.lookup(reference).contents
        except PointerToNowhere:
            raise ValueError(f"the fragment has nothing at {reference}") from None
        return self.follow(Node(reference.removeprefix("#"), found))


def load_document() -> dict[str, Any]:
    """Read the fragment: beside this module in a wheel, in spec/ of the source tree otherwise."""
    packaged = Path(__file__).with_name("vectorize.yaml")
    path = packaged if packaged.exists() else Path(__file__).parents[2] / "spec" / "vectorize.yaml"
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document

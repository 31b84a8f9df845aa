from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.failure_response import FailureResponse
from ...models.insert_response import InsertResponse
from ...models.unparsable_behavior import UnparsableBehavior
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    account_id: str,
    index_name: str,
    *,
    body: File,
    unparsable_behavior: UnparsableBehavior | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    json_unparsable_behavior: str | Unset = UNSET
    if not isinstance(unparsable_behavior, Unset):
        json_unparsable_behavior = unparsable_behavior

    params["unparsable-behavior"] = json_unparsable_behavior

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/accounts/{account_id}/vectorize/v2/indexes/{index_name}/insert".format(
            account_id=quote(str(account_id), safe=""),
            index_name=quote(str(index_name), safe=""),
        ),
        "params": params,
    }

    _kwargs["content"] = body.payload
    headers["Content-Type"] = "application/x-ndjson"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> FailureResponse | InsertResponse | None:
    if response.status_code == 200:
        response_200 = InsertResponse.from_dict(response.json())

        return response_200

    if response.status_code == 429:
        response_429 = FailureResponse.from_dict(response.json())

        return response_429

    if 400 <= response.status_code <= 499:
        response_4xx = FailureResponse.from_dict(response.json())

        return response_4xx

    if 500 <= response.status_code <= 599:
        response_5xx = FailureResponse.from_dict(response.json())

        return response_5xx

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[FailureResponse | InsertResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    account_id: str,
    index_name: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    unparsable_behavior: UnparsableBehavior | Unset = UNSET,
) -> Response[FailureResponse | InsertResponse]:
    """Insert vectors

     Accepts a batch of vectors, one JSON object a line, and answers with the id of the mutation that
    will
    store them some seconds later. An id that the index already holds keeps its first version, without a
    word, so sending a batch again is safe. One bad line refuses the whole batch, unless
    `unparsable-behavior` is `discard`.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        unparsable_behavior (UnparsableBehavior | Unset): What the service does with a line that
            it cannot parse: refuse the whole batch (error), or drop the line without saying so
            (discard).
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FailureResponse | InsertResponse]
    """

    kwargs = _get_kwargs(
        account_id=account_id,
        index_name=index_name,
        body=body,
        unparsable_behavior=unparsable_behavior,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    account_id: str,
    index_name: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    unparsable_behavior: UnparsableBehavior | Unset = UNSET,
) -> FailureResponse | InsertResponse | None:
    """Insert vectors

     Accepts a batch of vectors, one JSON object a line, and answers with the id of the mutation that
    will
    store them some seconds later. An id that the index already holds keeps its first version, without a
    word, so sending a batch again is safe. One bad line refuses the whole batch, unless
    `unparsable-behavior` is `discard`.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        unparsable_behavior (UnparsableBehavior | Unset): What the service does with a line that
            it cannot parse: refuse the whole batch (error), or drop the line without saying so
            (discard).
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FailureResponse | InsertResponse
    """

    return sync_detailed(
        account_id=account_id,
        index_name=index_name,
        client=client,
        body=body,
        unparsable_behavior=unparsable_behavior,
    ).parsed


async def asyncio_detailed(
    account_id: str,
    index_name: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    unparsable_behavior: UnparsableBehavior | Unset = UNSET,
) -> Response[FailureResponse | InsertResponse]:
    """Insert vectors

     Accepts a batch of vectors, one JSON object a line, and answers with the id of the mutation that
    will
    store them some seconds later. An id that the index already holds keeps its first version, without a
    word, so sending a batch again is safe. One bad line refuses the whole batch, unless
    `unparsable-behavior` is `discard`.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        unparsable_behavior (UnparsableBehavior | Unset): What the service does with a line that
            it cannot parse: refuse the whole batch (error), or drop the line without saying so
            (discard).
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FailureResponse | InsertResponse]
    """

    kwargs = _get_kwargs(
        account_id=account_id,
        index_name=index_name,
        body=body,
        unparsable_behavior=unparsable_behavior,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    account_id: str,
    index_name: str,
    *,
    client: AuthenticatedClient | Client,
    body: File,
    unparsable_behavior: UnparsableBehavior | Unset = UNSET,
) -> FailureResponse | InsertResponse | None:
    """Insert vectors

     Accepts a batch of vectors, one JSON object a line, and answers with the id of the mutation that
    will
    store them some seconds later. An id that the index already holds keeps its first version, without a
    word, so sending a batch again is safe. One bad line refuses the whole batch, unless
    `unparsable-behavior` is `discard`.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        unparsable_behavior (UnparsableBehavior | Unset): What the service does with a line that
            it cannot parse: refuse the whole batch (error), or drop the line without saying so
            (discard).
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FailureResponse | InsertResponse
    """

    return (
        await asyncio_detailed(
            account_id=account_id,
            index_name=index_name,
            client=client,
            body=body,
            unparsable_behavior=unparsable_behavior,
        )
    ).parsed

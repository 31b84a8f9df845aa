from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.failure_response import FailureResponse
from ...models.get_by_ids_request import GetByIdsRequest
from ...models.get_by_ids_response import GetByIdsResponse
from ...types import Response


def _get_kwargs(
    account_id: str,
    index_name: str,
    *,
    body: GetByIdsRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/accounts/{account_id}/vectorize/v2/indexes/{index_name}/get_by_ids".format(
            account_id=quote(str(account_id), safe=""),
            index_name=quote(str(index_name), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> FailureResponse | GetByIdsResponse | None:
    if response.status_code == 200:
        response_200 = GetByIdsResponse.from_dict(response.json())

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
) -> Response[FailureResponse | GetByIdsResponse]:
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
    body: GetByIdsRequest,
) -> Response[FailureResponse | GetByIdsResponse]:
    """Get vectors by id

     Answers with the vectors that have the given ids, in no promised order. Unknown ids are left out
    without a word; when none is known the answer is an empty array, not an error.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        body (GetByIdsRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FailureResponse | GetByIdsResponse]
    """

    kwargs = _get_kwargs(
        account_id=account_id,
        index_name=index_name,
        body=body,
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
    body: GetByIdsRequest,
) -> FailureResponse | GetByIdsResponse | None:
    """Get vectors by id

     Answers with the vectors that have the given ids, in no promised order. Unknown ids are left out
    without a word; when none is known the answer is an empty array, not an error.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        body (GetByIdsRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FailureResponse | GetByIdsResponse
    """

    return sync_detailed(
        account_id=account_id,
        index_name=index_name,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    account_id: str,
    index_name: str,
    *,
    client: AuthenticatedClient | Client,
    body: GetByIdsRequest,
) -> Response[FailureResponse | GetByIdsResponse]:
    """Get vectors by id

     Answers with the vectors that have the given ids, in no promised order. Unknown ids are left out
    without a word; when none is known the answer is an empty array, not an error.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        body (GetByIdsRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FailureResponse | GetByIdsResponse]
    """

    kwargs = _get_kwargs(
        account_id=account_id,
        index_name=index_name,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    account_id: str,
    index_name: str,
    *,
    client: AuthenticatedClient | Client,
    body: GetByIdsRequest,
) -> FailureResponse | GetByIdsResponse | None:
    """Get vectors by id

     Answers with the vectors that have the given ids, in no promised order. Unknown ids are left out
    without a word; when none is known the answer is an empty array, not an error.

    Args:
        account_id (str): Identifier of the account that owns the index.
        index_name (str): Name of the index.
        body (GetByIdsRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FailureResponse | GetByIdsResponse
    """

    return (
        await asyncio_detailed(
            account_id=account_id,
            index_name=index_name,
            client=client,
            body=body,
        )
    ).parsed

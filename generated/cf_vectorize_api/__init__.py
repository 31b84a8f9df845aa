"""A client library for accessing Cloudflare Vectorize v2, insert and get_by_ids"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)

"""What can be done where no answer came."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from .credentials import is_loopback


def remedy(error: Exception, base_url: str, *, refused_by_proxy: bool) -> tuple[bool, str]:
    """Return whether another attempt cannot help, and what can."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and isinstance(cause, Exception):
        causes.append(cause)
    proxy = _proxy_before(base_url)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return True, "; where a proxy signs with a certificate of its own, set SSL_CERT_FILE to a file that holds it"
    if any(isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER" for cause in causes):
        return True, "; what listens there speaks no TLS: does base_url (CLOUDFLARE_BASE_URL) begin with http://?"
    if refused_by_proxy:
        return True, f"; the proxy of {proxy} refuses; user and password stand in http://user:password@host:port"
    unknown = any(isinstance(cause, socket.gaierror) for cause in causes)
    refused = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
    told = ""
    if proxy and (unknown or refused):
        told = f"; check the proxy of {proxy}, or name the host in NO_PROXY"
    elif unknown:
        told = "; check the network, and base_url (CLOUDFLARE_BASE_URL)"
    elif refused and is_loopback(base_url):
        told = "; is the emulator running? Start it with: cf-vectorize emulate"
    return False, told


def _proxy_before(base_url: str) -> str | None:
    """Return the variable that names a proxy before the service."""
    url, proxies = urlsplit(base_url), getproxies()
    if proxy_bypass(url.hostname or ""):
        return None
    return next((f"{name}_proxy".upper() for name in (url.scheme, "all") if name in proxies), None)

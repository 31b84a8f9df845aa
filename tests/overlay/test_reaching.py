"""What cannot work is told in seconds, with what to do about it."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from cf_vectorize import InputError, TransportError, UnexpectedResponseError, Vectorize
from cf_vectorize_overlay import wire
from cf_vectorize_overlay.pacing import PAUSE_CAP
from loads import lines, settings
from raw_server import Connection, RawServer
from scripted_server import ScriptedServer
from sink import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cf_vectorize import InsertReport
    from loads import Clock

    Insert = Callable[..., InsertReport]


def test_a_certificate_that_does_not_verify_is_told_at_once(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(tmp_path / "server.pem"))
    with (
        RawServer(lambda connection: connection.read(), context) as server,
        Vectorize("index", **settings(server.url)) as index,
        pytest.raises(TransportError, match=r"certificate.*set SSL_CERT_FILE") as caught,
    ):
        index.insert(lines(1))
    assert not caught.value.retryable
    assert caught.value.report.batches[0].attempts == 1


NOWHERE = {
    "a port that refuses": ("http://127.0.0.1:1", r"refused.*is the emulator running\? .*cf-vectorize emulate"),
    "a name that does not exist": ("https://nowhere.invalid", r"check the network, and base_url"),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_what_never_answered_is_given_up_soon(
    name: str, clock: Clock, insert: Insert, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    url, words = NOWHERE[name]
    if "invalid" in url:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TransportError, match=words):
        insert(settings(url), lines(1))
    assert clock.pauses == [1, 2, 4, 8]


def test_who_says_how_long_is_obeyed_where_nothing_ever_answered(clock: Clock) -> None:
    with Vectorize("index", **settings("http://127.0.0.1:1", give_up_after=40)) as index:
        with pytest.raises(TransportError):
            index.get_by_ids(["a"])
    assert sum(clock.pauses) == 31


def test_what_has_answered_is_waited_for(clock: Clock) -> None:
    with Vectorize("index", **settings("http://127.0.0.1:1")) as index:
        with ScriptedServer() as server:
            index._index._wire._base_url = server.url
            assert index.get_by_ids(["a"]).missing == ("a",)
        with pytest.raises(TransportError):
            index.get_by_ids(["a"])
    assert 600 - PAUSE_CAP < sum(clock.pauses) <= 600


def a_proxy_that_says(line: str) -> RawServer:
    def serve(connection: Connection) -> None:
        connection.read_head()
        connection.send(f"HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n".encode())

    return RawServer(serve)


@pytest.mark.parametrize("line", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_a_proxy_that_refuses_is_told_at_once(line: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_proxy_that_says(line) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with Vectorize("index", **settings("https://nowhere.invalid")) as index:
            with pytest.raises(TransportError, match=rf"{line}; the proxy of HTTPS_PROXY refuses; .*user:password"):
                index.get_by_ids(["a"])
    assert clock.pauses == []


def test_a_proxy_that_wants_a_password_says_so_before_plain_http_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_proxy_that_says("407 Proxy Authentication Required") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Vectorize("index", **settings("http://127.0.0.1:1")) as index:
            with pytest.raises(UnexpectedResponseError, match="the proxy wants user and password: HTTP_PROXY="):
                index.get_by_ids(["a"])


PROXIES = {
    "a port that refuses": "http://127.0.0.1:1",
    "a name that does not exist": "http://proxy.invalid:3128",
    "no URL": "foo.invalid",
}


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize(
    ("variable", "url"), [("HTTP_PROXY", "http://127.0.0.1:1"), ("ALL_PROXY", "https://x.invalid")]
)
def test_a_proxy_that_is_not_reached_is_named(
    name: str, variable: str, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, PROXIES[name])
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Vectorize("index", **settings(url)) as index:
        with pytest.raises(TransportError, match=rf"; check the proxy of {variable}, or name the host in NO_PROXY"):
            index.get_by_ids(["a"])
    assert clock.pauses == [1, 2, 4, 8]


@pytest.mark.usefixtures("clock")
def test_what_is_reached_without_the_proxy_is_not_laid_on_it(insert: Insert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(TransportError, match="is the emulator running"):
        insert(settings("http://127.0.0.1:1"), lines(1))


def test_tls_to_a_server_that_speaks_none_is_told_at_once(clock: Clock) -> None:
    def serve(connection: Connection) -> None:
        connection.sock.recv(1)
        connection.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with RawServer(serve) as server:
        with Vectorize("index", **settings(server.url.replace("http:", "https:"))) as index:
            with pytest.raises(TransportError, match=r"speaks no TLS: does base_url .* begin with http://"):
                index.get_by_ids(["a"])
    assert clock.pauses == []


def test_a_proxy_that_cannot_reach_it_now_is_asked_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_proxy_that_says("502 Bad Gateway") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with Vectorize("index", **settings("https://nowhere.invalid")) as index:
            with pytest.raises(TransportError, match="502 Bad Gateway"):
                index.get_by_ids(["a"])
    assert clock.pauses == [1, 2, 4, 8]


@pytest.mark.parametrize("proxy", ["socks5://user:hunter22@127.0.0.1:1", "foo://user:hunter22@127.0.0.1"])
def test_a_proxy_that_cannot_be_used_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with Vectorize("index", **settings("https://example.com")) as index:
        with pytest.raises(InputError, match=r"ALL_PROXY.* names a proxy that cannot be used") as caught:
            index.get_by_ids(["a"])
    assert "hunter22" not in str(caught.value)


def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    wire._ssl_context.cache_clear()
    with Vectorize("index", **settings("https://127.0.0.1:1")) as index:
        with pytest.raises(InputError, match="SSL_CERT_FILE cannot be read: No such file"):
            index.get_by_ids(["a"])
    wire._ssl_context.cache_clear()


def test_certificates_are_not_read_where_nothing_is_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    wire._ssl_context.cache_clear()
    with ScriptedServer() as server, Vectorize("index", **settings(server.url)) as index:
        assert index.get_by_ids(["a"]).missing == ("a",)

"""No client at all: the file through one reused buffer into one socket. Prints the CPU seconds of the transfer."""

import json
import os
import socket
import ssl
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from batches import ranges

CHUNK = 256 * 1024


def connect() -> socket.socket:
    url = urlsplit(os.environ["CLOUDFLARE_BASE_URL"])
    connection = socket.create_connection((str(url.hostname), int(url.port or 0)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if url.scheme == "https":
        return ssl.create_default_context().wrap_socket(connection, server_hostname=url.hostname)
    return connection


def main(path: Path) -> None:
    connection = connect()
    buffer = memoryview(bytearray(CHUNK))
    descriptor = os.open(path, os.O_RDONLY)
    used = time.process_time()
    for start, stop in ranges(path):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: sink\r\nContent-Length: %d\r\n\r\n" % (stop - start))
        position = start
        while position < stop:
            got = os.preadv(descriptor, [buffer[: stop - position]], position)
            connection.sendall(buffer[:got])
            position += got
        connection.recv(4096)
    print(json.dumps({"cpu": time.process_time() - used}))


main(Path(sys.argv[1]))

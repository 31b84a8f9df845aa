"""One SQLite file that holds indexes, mutations and vectors. Every write is one transaction."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .lines import Vector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE_NAME: Final = "vectorize.sqlite3"
READERS: Final = 4
# Vectors handed to SQLite at a time: what one insert holds in memory.
CHUNK: Final = 256

# WAL with synchronous=NORMAL: a commit survives the death of the process, not always that of the machine.
PRAGMAS: Final = (
    "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=60000;"
)
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    vectors INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, name)
);
CREATE TABLE IF NOT EXISTS mutations (
    id INTEGER PRIMARY KEY,
    index_id INTEGER NOT NULL REFERENCES indexes (id),
    uuid TEXT NOT NULL,
    vectors INTEGER NOT NULL DEFAULT 0,
    readable_at REAL,
    settled_at REAL
);
CREATE INDEX IF NOT EXISTS mutations_settled ON mutations (index_id, settled_at);
CREATE TABLE IF NOT EXISTS vectors (
    index_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    mutation INTEGER NOT NULL,
    lag REAL NOT NULL,
    namespace TEXT,
    metadata BLOB,
    "values" BLOB NOT NULL,
    UNIQUE (index_id, id)
);
"""
TABLES: Final = {
    "indexes": "id, account, name, dimensions, vectors",
    "mutations": "id, index_id, uuid, vectors, readable_at, settled_at",
    "vectors": 'index_id, id, mutation, lag, namespace, metadata, "values"',
}


class StoreError(OSError):
    """The data file cannot be opened, or is not what it should be."""


class Index(NamedTuple):
    """An index: its row, whose it is, what it is called, how long its vectors are, and how many it holds."""

    row: int
    account: str
    name: str
    dimensions: int
    vectors: int


class Mutation(NamedTuple):
    """A mutation that cannot be read whole yet: the vectors it added, and the moments at which it can be."""

    account: str
    index_name: str
    uuid: str
    vectors: int
    readable_at: float
    settled_at: float


class Transaction:
    """What can be done inside one write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def index(self, account: str, name: str) -> Index | None:
        """Find an index."""
        return _index(self._connection, account, name)

    def create_index(self, account: str, name: str, dimensions: int) -> Index:
        """Add an index that is not there."""
        row = self._connection.execute(
            "INSERT INTO indexes (account, name, dimensions) VALUES (?, ?, ?)", (account, name, dimensions)
        ).lastrowid
        assert row is not None
        return Index(row, account, name, dimensions, 0)

    def create_mutation(self, index: Index, uuid: str) -> int:
        """Add a mutation without vectors, which nobody can read until it is scheduled."""
        row = self._connection.execute(
            "INSERT INTO mutations (index_id, uuid) VALUES (?, ?)", (index.row, uuid)
        ).lastrowid
        assert row is not None
        return row

    def add(self, index: Index, mutation: int, vectors: Iterable[tuple[Vector, float]]) -> int:
        """Add vectors, each with the seconds by which it lags behind its mutation, and return how many came.

        An id that the index already has keeps its first version.
        """
        before = self._connection.total_changes
        count = 0
        rows = (
            (index.row, vector.id, mutation, lag, vector.namespace, vector.metadata, vector.values)
            for vector, lag in vectors
        )
        while chunk := list(islice(rows, CHUNK)):
            self._connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)", chunk)
            count += len(chunk)
        added = self._connection.total_changes - before
        self._connection.execute("UPDATE indexes SET vectors = vectors + ? WHERE id = ?", (added, index.row))
        self._connection.execute("UPDATE mutations SET vectors = ? WHERE id = ?", (added, mutation))
        return count

    def last_settled_at(self, index: Index) -> float:
        """Return the moment from which all earlier mutations of an index can be read."""
        query = "SELECT max(settled_at) FROM mutations WHERE index_id = ?"
        return self._connection.execute(query, (index.row,)).fetchone()[0] or 0.0

    def schedule(self, mutation: int, readable_at: float, settled_at: float) -> None:
        """Say from when a mutation can be read, and from when all of it."""
        self._connection.execute(
            "UPDATE mutations SET readable_at = ?, settled_at = ? WHERE id = ?", (readable_at, settled_at, mutation)
        )

    def release(self, now: float) -> int:
        """Make every pending mutation readable, and return how many there were."""
        query = "UPDATE mutations SET readable_at = 0, settled_at = 0 WHERE settled_at > ?"
        return self._connection.execute(query, (now,)).rowcount

    def delete_index(self, account: str, name: str) -> int:
        """Delete an index with all that it holds, and return how many vectors that were."""
        index = self.index(account, name)
        if index is None:
            return 0
        self._connection.execute("DELETE FROM vectors WHERE index_id = ?", (index.row,))
        self._connection.execute("DELETE FROM mutations WHERE index_id = ?", (index.row,))
        self._connection.execute("DELETE FROM indexes WHERE id = ?", (index.row,))
        return index.vectors

    def delete_everything(self) -> int:
        """Delete every index, and return how many vectors they held."""
        vectors: int = self._connection.execute("SELECT total(vectors) FROM indexes").fetchone()[0]
        for table in TABLES:
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
        return int(vectors)


class Store:
    """The file, with one connection that writes and a few that read.

    Args:
        folder: Where the file is, or will be.

    Raises:
        StoreError: There is a file that is no data file of an emulator, or a damaged one, or the disk is full.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self._writing = threading.Lock()
        self._readers: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        try:
            with ExitStack() as opened:
                connections = [opened.enter_context(closing(self._connect())) for _ in range(READERS + 1)]
                for connection in connections:
                    connection.executescript(PRAGMAS)
                self._writer, *readers = connections
                self._writer.executescript(SCHEMA)
                for table, columns in TABLES.items():
                    self._writer.execute(f"SELECT {columns} FROM {table} LIMIT 1").fetchone()  # noqa: S608 - ours
                opened.pop_all()
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path} cannot be used: {error}; make room if the disk is full, "
                "else move the file away or choose another --data"
            ) from None
        for reader in readers:
            self._readers.put(reader)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)

    def close(self) -> None:
        """Close every connection."""
        with self._writing:
            for _ in range(READERS):
                self._readers.get().close()
            self._writer.close()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a transaction that is durable once the block ends, and undone if it raises."""
        with self._writing, self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            yield Transaction(self._writer)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        connection = self._readers.get()
        try:
            yield connection
        finally:
            self._readers.put(connection)

    def index(self, account: str, name: str) -> Index | None:
        """Find an index."""
        with self._reading() as connection:
            return _index(connection, account, name)

    def indexes(self) -> list[Index]:
        """Return all indexes, the newest first."""
        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM indexes ORDER BY id DESC").fetchall()
        return [Index(*row) for row in rows]

    def get(self, account: str, name: str, ids: list[str]) -> list[tuple[Vector, float]] | None:
        """Find vectors, each with the moment from which it can be read; None where there is no such index."""
        marks = ",".join("?" * len(ids))
        query = (
            'SELECT v.id, v.namespace, v.metadata, v."values", m.readable_at + v.lag '  # noqa: S608 - question marks only
            "FROM indexes i LEFT JOIN vectors v ON v.index_id = i.id "
            f"AND v.id IN ({marks}) LEFT JOIN mutations m ON m.id = v.mutation WHERE i.account = ? AND i.name = ?"
        )
        with self._reading() as connection:
            rows = connection.execute(query, (*ids, account, name)).fetchall()
        # One row without a vector says that the index is there.
        return [(Vector(*row[:4]), row[4]) for row in rows if row[0] is not None] if rows else None

    def ids(self, index: Index, search: str, after: str, limit: int) -> list[str]:
        """Return the first ids of an index in the order of their bytes, of those past `after` that hold `search`."""
        query = "SELECT id FROM vectors WHERE index_id = ? AND id > ? AND instr(id, ?) ORDER BY id LIMIT ?"
        with self._reading() as connection:
            return [row[0] for row in connection.execute(query, (index.row, after, search, limit))]

    def pending(self, now: float, limit: int) -> list[Mutation]:
        """Return mutations that cannot be read whole yet, the next ones first."""
        query = (
            "SELECT i.account, i.name, m.uuid, m.vectors, m.readable_at, m.settled_at FROM indexes i "
            "JOIN mutations m ON m.index_id = i.id WHERE m.settled_at > ? ORDER BY m.settled_at, m.id LIMIT ?"
        )
        with self._reading() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(query, (now, limit)).fetchall()
        return [Mutation(*row) for row in rows]


def _index(connection: sqlite3.Connection, account: str, name: str) -> Index | None:
    row = connection.execute("SELECT * FROM indexes WHERE account = ? AND name = ?", (account, name)).fetchone()
    return None if row is None else Index(*row)

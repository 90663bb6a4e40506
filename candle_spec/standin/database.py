"""The stand-in's memory: SQLite for everything but the bytes of files, which are files on disk."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from candle_spec.standin.config import User
from candle_spec.standin.facts import limit

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS nodes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS metadata (
  node INTEGER NOT NULL, attribute TEXT NOT NULL, value TEXT NOT NULL, system INTEGER NOT NULL,
  PRIMARY KEY (node, attribute));
CREATE TABLE IF NOT EXISTS contents (node INTEGER PRIMARY KEY, stored TEXT NOT NULL, polls INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS permissions (node INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS users (
  email TEXT PRIMARY KEY, salt BLOB NOT NULL, password BLOB NOT NULL, is_write INTEGER NOT NULL,
  failed INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS memberships (email TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, polls INTEGER NOT NULL, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""

_FIRST_ID: Final = 6_000_000
"""Ids look like those of the service: ``NCI-DME-MS01-6000001``."""


@dataclass(frozen=True, slots=True)
class Node:
    """A collection or a file: its id, path, kind, and when it was registered."""

    id: int
    path: str
    kind: str
    created: float


class Database:
    """Everything that a stand-in remembers; a second one on the same folder goes on with it."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._sql = sqlite3.connect(folder / "standin.sqlite", isolation_level=None, check_same_thread=False)
        # A test double need not survive a power cut: no wait for the disk at each statement.
        self._sql.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;" + _TABLES)
        self._sql.execute("INSERT OR IGNORE INTO sqlite_sequence (name, seq) VALUES ('nodes', ?)", (_FIRST_ID,))

    def close(self) -> None:
        """Close the data base."""
        self._sql.close()

    # Nodes

    def node(self, path: str) -> Node | None:
        """Return what stands at a path."""
        row = self._sql.execute("SELECT id, path, kind, created FROM nodes WHERE path = ?", (path,)).fetchone()
        return Node(*row) if row else None

    def nodes(self, kind: str) -> list[Node]:
        """Return all nodes of a kind, by id."""
        rows = self._sql.execute("SELECT id, path, kind, created FROM nodes WHERE kind = ? ORDER BY id", (kind,))
        return [Node(*row) for row in rows]

    def children(self, path: str) -> list[Node]:
        """Return what stands directly below a collection, by path."""
        prefix = path.rstrip("/") + "/"
        rows = self._sql.execute(
            "SELECT id, path, kind, created FROM nodes WHERE substr(path, 1, ?) = ? ORDER BY path",
            (len(prefix), prefix),
        )
        return [node for row in rows if "/" not in (node := Node(*row)).path[len(prefix) :]]

    def add_node(self, path: str, kind: str, created: float) -> Node:
        """Register a path."""
        cursor = self._sql.execute("INSERT INTO nodes (path, kind, created) VALUES (?, ?, ?)", (path, kind, created))
        return Node(int(cursor.lastrowid or 0), path, kind, created)

    # Metadata

    def metadata(self, node: int, *, system: bool | None = None) -> dict[str, str]:
        """Return the metadata of a node: all, the server's own, or the users'."""
        rows = self._sql.execute("SELECT attribute, value, system FROM metadata WHERE node = ? ORDER BY rowid", (node,))
        return {name: value for name, value, own in rows if system is None or bool(own) is system}

    def set_metadata(self, node: int, values: Mapping[str, str], *, system: bool) -> None:
        """Make ``values`` the metadata of that kind of a node."""
        self._sql.execute("DELETE FROM metadata WHERE node = ? AND system = ?", (node, int(system)))
        rows = [(node, name, value, int(system)) for name, value in values.items()]
        self._sql.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?, ?)", rows)

    # Contents

    def set_content(self, node: int, stored: str, polls: int) -> None:
        """Say which file on disk holds a data file, and how often it is asked for before it counts as archived."""
        self._sql.execute("INSERT OR REPLACE INTO contents VALUES (?, ?, ?)", (node, stored, polls))

    def content(self, node: int) -> tuple[Path, int]:
        """Return the file on disk and the polls that are left."""
        stored, polls = self._sql.execute("SELECT stored, polls FROM contents WHERE node = ?", (node,)).fetchone()
        return self.files / stored, int(polls)

    # Permissions

    def grant(self, node: int, kind: str, subject: str) -> None:
        """Let an owner (``kind`` ``owner``) or a group (``group``) change what is below a collection."""
        self._sql.execute("INSERT INTO permissions VALUES (?, ?, ?)", (node, kind, subject))

    def role(self, node: int, email: str, groups: Iterable[str]) -> str:
        """Return ``owner``, ``group`` or ``""``; a user without any group has no role, not even as owner."""
        mine = set(groups)
        rows = self._sql.execute("SELECT kind, subject FROM permissions WHERE node = ?", (node,)).fetchall()
        if not mine:
            return ""
        if ("owner", email) in rows:
            return "owner"
        return "group" if any(kind == "group" and subject in mine for kind, subject in rows) else ""

    # Users

    def add_user(self, user: User) -> None:
        """Create an account, unless there is one."""
        if self.user(user.email) is not None:
            return
        salt = secrets.token_bytes(16)
        row = (user.email, salt, _hashed(user.password, salt), int(user.is_write))
        self._sql.execute("INSERT INTO users VALUES (?, ?, ?, ?, 0)", row)
        self._sql.executemany("INSERT INTO memberships VALUES (?, ?)", [(user.email, name) for name in user.groups])

    def user(self, email: str) -> bool | None:
        """Return whether a user is an uploader; ``None`` where there is none."""
        row = self._sql.execute("SELECT is_write FROM users WHERE email = ?", (email,)).fetchone()
        return bool(row[0]) if row else None

    def groups(self, email: str) -> tuple[str, ...]:
        """Return the groups of a user."""
        rows = self._sql.execute("SELECT name FROM memberships WHERE email = ?", (email,))
        return tuple(name for (name,) in rows)

    def check_password(self, email: str, password: str) -> bool:
        """Whether a login is good; counts the bad ones, and none is good any more once an account is locked."""
        row = self._sql.execute("SELECT salt, password, failed FROM users WHERE email = ?", (email,)).fetchone()
        if row is None or row[2] >= limit("bad_logins"):
            return False
        good = secrets.compare_digest(_hashed(password, row[0]), row[1])
        self._sql.execute("UPDATE users SET failed = ? WHERE email = ?", (0 if good else row[2] + 1, email))
        return good

    # Tasks and secrets

    def add_task(self, task: str, kind: str, polls: int, document: Mapping[str, Any]) -> None:
        """Remember a task."""
        self._sql.execute("INSERT INTO tasks VALUES (?, ?, ?, ?)", (task, kind, polls, json.dumps(document)))

    def poll_task(self, task: str, kind: str) -> tuple[int, dict[str, Any]] | None:
        """Return the polls that were left and the task's document; one poll less is left afterwards."""
        row = self._sql.execute("SELECT polls, document FROM tasks WHERE id = ? AND kind = ?", (task, kind)).fetchone()
        if row is None:
            return None
        self._sql.execute("UPDATE tasks SET polls = max(0, polls - 1) WHERE id = ?", (task,))
        return int(row[0]), json.loads(row[1])

    def secret(self, name: str) -> bytes:
        """Return a random key that stays the same as long as the folder lives."""
        self._sql.execute("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, os.urandom(32)))
        value: bytes = self._sql.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()[0]
        return value


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1)

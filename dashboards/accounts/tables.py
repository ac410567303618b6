"""The tables of the people who sign in, by version.

In: nothing. Out: what a `Database` is brought up to date by, and which tables are in no copy of it.
"""

from __future__ import annotations

# What may be in no copy: it signs somebody in.
SHORT_LIVED = ("sessions", "links", "invitations", "challenges")

# Numbers of people are used once (AUTOINCREMENT): or the log's of one who is gone would be another's.
MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);
    CREATE TABLE IF NOT EXISTS links (digest BLOB PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sessions (
        digest BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, expires REAL NOT NULL, by_link INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE people (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, password TEXT, since INTEGER NOT NULL DEFAULT 0,
        secret TEXT NOT NULL DEFAULT '', proposed TEXT NOT NULL DEFAULT '', step INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO people (id, name, password) SELECT id, name, password FROM users;
    DROP TABLE users;
    ALTER TABLE people RENAME TO users;
    CREATE TABLE rights (
        user INTEGER NOT NULL, site TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (user, site)
    ) WITHOUT ROWID;
    INSERT INTO rights (user, site, role) SELECT id, '*', 'owner' FROM users;
    ALTER TABLE links ADD COLUMN user INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN used TEXT NOT NULL DEFAULT '';
    CREATE TABLE invitations (
        digest BLOB PRIMARY KEY, expires REAL NOT NULL, site TEXT NOT NULL, role TEXT NOT NULL, by INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE challenges (
        digest BLOB PRIMARY KEY, user INTEGER NOT NULL, expires REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE recovery (user INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (user, digest)) WITHOUT ROWID;
    CREATE TABLE audit (
        at INTEGER NOT NULL, who INTEGER NOT NULL, what TEXT NOT NULL, whom INTEGER NOT NULL, site TEXT NOT NULL,
        role TEXT NOT NULL
    );
    CREATE TABLE token_days (token TEXT PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE invitations ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
    """,
)

"""The tables of the lease book, version by version."""

from typing import Final

LIVE: Final = "('reserved', 'active', 'unknown')"

_FIRST: Final = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- A card may be listed both as whole and as shared; its key is therefore the id and the kind.
CREATE TABLE device (
    id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, memory_mb INTEGER NOT NULL,
    profile TEXT NOT NULL, slots INTEGER NOT NULL CHECK (slots > 0), cdi TEXT NOT NULL, simulated INTEGER NOT NULL,
    present INTEGER NOT NULL DEFAULT 1, drained INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (id, kind)
) WITHOUT ROWID;

CREATE TABLE lease (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, server TEXT NOT NULL, use_case TEXT NOT NULL, groups TEXT NOT NULL,
    kind TEXT NOT NULL, count INTEGER NOT NULL CHECK (count > 0), profile TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'active', 'unknown', 'ended')),
    pool TEXT NOT NULL, place TEXT NOT NULL, started REAL NOT NULL, placed REAL, ended REAL, deadline REAL,
    why TEXT NOT NULL, kept_until REAL, kept_times INTEGER NOT NULL DEFAULT 0, used_at REAL
);
CREATE UNIQUE INDEX one_lease_per_server ON lease (user, server) WHERE state IN {LIVE};
CREATE INDEX lease_ended ON lease (ended);

CREATE TABLE holding (
    lease TEXT NOT NULL REFERENCES lease (id), device TEXT NOT NULL, slot INTEGER NOT NULL, kind TEXT NOT NULL,
    live INTEGER NOT NULL DEFAULT 1
);
-- What makes double booking impossible: not a program that is careful, but a database that refuses.
CREATE UNIQUE INDEX one_lease_per_place ON holding (device, slot) WHERE live;
CREATE INDEX holding_lease ON holding (lease);
CREATE TRIGGER whole_or_shared BEFORE INSERT ON holding WHEN NEW.live AND EXISTS (
    SELECT 1 FROM holding WHERE device = NEW.device AND live AND kind <> NEW.kind
) BEGIN SELECT RAISE(ABORT, 'the device is leased as another kind'); END;
-- The places of a lease are given back with it, whoever ends it.
CREATE TRIGGER ended_holds_nothing AFTER UPDATE OF state ON lease WHEN NEW.state = 'ended'
BEGIN UPDATE holding SET live = 0 WHERE lease = NEW.id; END;

CREATE TABLE ticket (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, server TEXT NOT NULL, use_case TEXT NOT NULL,
    groups TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL CHECK (count > 0), profile TEXT NOT NULL,
    pool TEXT NOT NULL, asked REAL NOT NULL, seen REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'granted', 'withdrawn', 'lapsed'))
);
CREATE UNIQUE INDEX one_ticket_per_server ON ticket (user, server) WHERE state = 'waiting';

-- Device-seconds of a lease in one hour (number of hours since 1970, UTC).
CREATE TABLE ledger (
    lease TEXT NOT NULL, user TEXT NOT NULL, use_case TEXT NOT NULL, hour INTEGER NOT NULL,
    allocated REAL NOT NULL, held REAL NOT NULL, busy REAL NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (lease, hour)
) WITHOUT ROWID;
CREATE INDEX ledger_user ON ledger (user, hour);

-- Recent use of a person, decayed to the time `at`: what the queue goes by.
CREATE TABLE recent (user TEXT PRIMARY KEY, seconds REAL NOT NULL, at REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE quota (
    scope TEXT NOT NULL CHECK (scope IN ('person', 'group', 'everyone')), name TEXT NOT NULL,
    gpu_hours REAL, days REAL NOT NULL, gpus REAL, servers REAL, memory_gb REAL,
    PRIMARY KEY (scope, name)
) WITHOUT ROWID;

CREATE TABLE more (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, text TEXT NOT NULL, asked REAL NOT NULL,
    answer TEXT NOT NULL DEFAULT '', granted INTEGER, by TEXT NOT NULL DEFAULT '', answered REAL
);

CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, kind TEXT NOT NULL, user TEXT NOT NULL, server TEXT NOT NULL,
    lease TEXT NOT NULL, by TEXT NOT NULL, text TEXT NOT NULL, waited_s REAL
);
CREATE TRIGGER events_stay BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
CREATE TRIGGER events_are_true BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
"""  # noqa: S608 (constants)

_DISK: Final = "ALTER TABLE quota ADD COLUMN disk_gb REAL;"

MIGRATIONS: Final = (_FIRST, _DISK)
"""What leads from version i (``PRAGMA user_version``) to i + 1. Add to the end; never change one that was released."""

SALVAGED: Final = ("meta", "device", "quota", "ledger", "recent", "more")
"""Tables copied out of a damaged book as far as they can be read. Leases are not: the engine knows them better."""

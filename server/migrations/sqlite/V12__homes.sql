-- The machine in a store that has its desk: the store's home.

-- At the central server: which stores have one. `epoch` is raised by every machine that takes over;
-- what an earlier one still sends is refused. `journal_n` is how far its journal has been applied.
CREATE TABLE homes (
  store TEXT PRIMARY KEY REFERENCES stores ON DELETE CASCADE,
  token_sha256 BLOB NOT NULL UNIQUE,
  epoch INTEGER NOT NULL,
  journal_n INTEGER NOT NULL,
  seen_ms INTEGER
) STRICT, WITHOUT ROWID;

-- At the central server: what phones say to a store whose desk is there. Kept for minutes.
CREATE TABLE home_words (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  store TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  at_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX home_words_by_store ON home_words (store, n);

-- In the store: the one line about where this machine stands with the central server.
CREATE TABLE home_line (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  store TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  word_n INTEGER NOT NULL,
  -- When the central server last said how things stand.
  told_ms INTEGER NOT NULL
) STRICT;

-- In the store: what happened at the desk and the central server does not know yet.
CREATE TABLE home_journal (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;

-- In the store: what customers with an open order here will advertise in the coming hours. No keys.
CREATE TABLE home_identities (
  radio BLOB PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  -- When the first of them begins, in Unix seconds; each lasts a quantum.
  from_s INTEGER NOT NULL,
  -- Eight bytes each.
  eids BLOB NOT NULL
) STRICT, WITHOUT ROWID;

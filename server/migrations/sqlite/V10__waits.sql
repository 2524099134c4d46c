-- How long customers waited at the desk, one row an episode, when it is over for good. Nobody stands
-- in it: no customer, no colleague, no card, no moment; and its key is drawn, so that its place in the
-- table says nothing either.
CREATE TABLE waits (
  wait INTEGER PRIMARY KEY,
  store TEXT NOT NULL,
  -- By the store's clock, when she came: 2026-11-21, 0 to 23, 1 (Monday) to 7.
  day TEXT NOT NULL,
  hour INTEGER NOT NULL,
  weekday INTEGER NOT NULL,
  -- What she came for: words of orders.kind, with commas between.
  kinds TEXT NOT NULL,
  -- From when she came until she had it; none: she left without it, or was not noticed before.
  wait_ms INTEGER,
  -- From when she came until a colleague first took her card; none: nobody did.
  take_ms INTEGER,
  outcome TEXT NOT NULL CHECK (outcome IN ('served', 'departed_unserved')),
  rating INTEGER CHECK (rating BETWEEN 1 AND 5)
) STRICT;
CREATE INDEX waits_by_day ON waits (store, day);

-- Which row a customer may still give a mark to; it goes after some hours, or with her card.
CREATE TABLE wait_links (
  card BLOB PRIMARY KEY REFERENCES cards ON DELETE CASCADE,
  wait INTEGER NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Colleagues' phones, which are told of cards. An address is of a session: it goes with the shift.
CREATE TABLE staff_addresses (
  address_sha256 BLOB PRIMARY KEY,
  session BLOB NOT NULL REFERENCES sessions ON DELETE CASCADE,
  store TEXT NOT NULL,
  address TEXT NOT NULL,
  p256dh BLOB NOT NULL,
  auth BLOB NOT NULL,
  language TEXT NOT NULL,
  registered_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX staff_addresses_by_store ON staff_addresses (store);
CREATE INDEX staff_addresses_by_session ON staff_addresses (session);

-- What a colleague's phone is to be told of a card: that it calls, or that it does no more. One row
-- a card and phone.
CREATE TABLE staff_pushes (
  card BLOB NOT NULL REFERENCES cards ON DELETE CASCADE,
  address_sha256 BLOB NOT NULL REFERENCES staff_addresses ON DELETE CASCADE,
  state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'accepted', 'failed', 'expired')),
  -- What may stand on the phone: nothing yet, `call`, `over`.
  said TEXT CHECK (said IN ('call', 'over')),
  due_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  relevant_until_ms INTEGER NOT NULL,
  PRIMARY KEY (card, address_sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX staff_pushes_due ON staff_pushes (due_ms) WHERE state IN ('pending', 'sending');

-- Some of it may go only to who is old enough.
ALTER TABLE orders ADD COLUMN age_checked INTEGER NOT NULL DEFAULT 0;
-- From when on she may come for it.
ALTER TABLE orders ADD COLUMN from_ms INTEGER;
-- Lines that are laid ready so far; none: nobody counts.
ALTER TABLE orders ADD COLUMN lines_ready INTEGER;
-- When the shop said how it stands; 0: it does not say when.
ALTER TABLE orders ADD COLUMN as_of_ms INTEGER NOT NULL DEFAULT 0;

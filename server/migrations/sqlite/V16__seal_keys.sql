-- What gateways seal to, and who signs which keys there are (protocol::seal).
CREATE TABLE seal_trust (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  pkcs8 BLOB NOT NULL
) STRICT;
CREATE TABLE seal_keys (
  key TEXT PRIMARY KEY,        -- the public key
  store TEXT,                  -- whose machine has it; none: the central server
  since_ms INTEGER NOT NULL,
  statement TEXT NOT NULL,     -- what gateways are told, JSON
  private BLOB                 -- none: at a store's home, the key of the central server
) STRICT;
CREATE TRIGGER stamp_seal_key AFTER INSERT ON seal_keys BEGIN
  UPDATE homes SET stamp = stamp + 1;
END;
-- Whose sightings are readable on disk and broker.
ALTER TABLE gateway_statuses ADD COLUMN plain INTEGER NOT NULL DEFAULT 0;

-- Radios that are no gateways of ours and say in their own words what they hear. No row is about a
-- person. Each has a row in `gateways` too, with a password that nobody knows, so that it hangs, is
-- seen and falls silent as a gateway does.
CREATE TABLE other_radios (
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  kind TEXT NOT NULL,
  -- As it stands in its topics.
  name TEXT NOT NULL,
  password_sha256 BLOB NOT NULL,
  PRIMARY KEY (store, gateway),
  -- Its topics name no store.
  UNIQUE (kind, name),
  FOREIGN KEY (store, gateway) REFERENCES gateways (store, gateway) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Gateways that are to be set up, and how that went. No row is about a person.
-- The code itself stands nowhere; neither does the password, which follows from the salt, the code
-- and what the gateway alone knows.
CREATE TABLE gateway_enrolments (
  code_sha256 BLOB PRIMARY KEY,
  store TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  gateway TEXT NOT NULL,
  salt BLOB NOT NULL,
  made_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  redeemed_ms INTEGER,
  nonce_sha256 BLOB,
  hardware TEXT,
  -- When the gateway that redeemed it first said how it does.
  first_heard_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_enrolments_by_gateway ON gateway_enrolments (store, gateway, made_ms);

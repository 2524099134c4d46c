-- Ways to a phone that sleeps, and what came of them. A message has one row in `deliveries`, which
-- is in her stream, and at most one in `pushes`, which wakes one device of hers. Times are Unix
-- milliseconds. All rows about a person go with her.

-- A device's token or a browser's subscription. One address is one device, whoever registered it
-- last; it exists to send her what she agreed to.
CREATE TABLE push_addresses (
  address_sha256 BLOB PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  -- None: a browser, from her page.
  device BLOB REFERENCES devices ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('web_push', 'fcm', 'apns')),
  -- A token, or the endpoint of a subscription.
  address TEXT NOT NULL,
  -- A subscription's key and secret (RFC 8291, section 3).
  p256dh BLOB,
  auth BLOB,
  registered_ms INTEGER NOT NULL,
  CHECK ((kind = 'web_push') = (p256dh IS NOT NULL AND auth IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX push_addresses_by_customer ON push_addresses (customer, registered_ms);
CREATE UNIQUE INDEX push_addresses_of_device ON push_addresses (device) WHERE device IS NOT NULL;

-- Which channel she wants first; names with commas between. Without a row: the order of the server.
CREATE TABLE channel_orders (
  customer BLOB PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
  channels TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- pending -> sending -> accepted | failed, or without sending: expired, withdrawn, unreachable.
-- Marketing that was being sent at a crash is closed as unknown.
CREATE TABLE pushes (
  delivery BLOB PRIMARY KEY REFERENCES deliveries ON DELETE CASCADE,
  state TEXT NOT NULL,
  -- Not before then; while it is being sent: the end of the lease.
  due_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  accepted_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX pushes_due ON pushes (due_ms) WHERE state IN ('pending', 'sending');

-- Each try and what the provider answered, in its own words.
CREATE TABLE push_attempts (
  delivery BLOB NOT NULL REFERENCES pushes ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  result TEXT NOT NULL,
  status INTEGER,
  said TEXT,
  PRIMARY KEY (delivery, attempt)
) STRICT, WITHOUT ROWID;

-- A provider that does not take our credentials. Gone with the next message that it takes.
CREATE TABLE provider_alarms (
  kind TEXT PRIMARY KEY,
  since_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  times INTEGER NOT NULL,
  said TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE deliveries ADD COLUMN opened_ms INTEGER;

-- Receivers of the shop's own, and what is for them (Standard Webhooks 1.0.0).
CREATE TABLE webhooks (
  webhook BLOB PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  url TEXT NOT NULL,
  -- As it is shared with the receiver: both sides sign with it.
  secret TEXT NOT NULL,
  -- Event types with commas around each.
  events TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  -- Since the receiver said 410: nothing goes there until it is put again.
  gone_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Written with its cause. pending -> sending -> delivered | failed; sent at least once.
CREATE TABLE webhook_messages (
  message BLOB PRIMARY KEY,
  webhook BLOB NOT NULL REFERENCES webhooks ON DELETE CASCADE,
  -- Whom it is about: it goes with her.
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  due_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- Of the last try.
  status INTEGER,
  said TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_messages_due ON webhook_messages (due_ms) WHERE state IN ('pending', 'sending');
CREATE INDEX webhook_messages_by_webhook ON webhook_messages (webhook, message);

-- For the funnel of a store or a campaign.
CREATE INDEX deliveries_by_store ON deliveries (store, campaign);

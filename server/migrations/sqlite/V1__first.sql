-- One file, one writer. Times are Unix milliseconds in the server's clock; ids of people and
-- things are UUIDs (16 bytes), ids that people choose are text. Secrets are kept as SHA-256,
-- passwords as argon2id. Rows about people say which purpose they exist for.

CREATE TABLE stores (
  store TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  timezone TEXT NOT NULL,
  opens TEXT NOT NULL,
  closes TEXT NOT NULL,
  quiet_from TEXT,
  quiet_to TEXT,
  messages_per_day_max INTEGER NOT NULL,
  -- Raised by whoever becomes the store's writer; a commit under an older one is refused.
  epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE zones (
  store TEXT NOT NULL REFERENCES stores,
  zone TEXT NOT NULL,
  name_nl TEXT NOT NULL,
  name_en TEXT NOT NULL,
  PRIMARY KEY (store, zone)
) STRICT, WITHOUT ROWID;

CREATE TABLE anchors (
  store TEXT NOT NULL,
  anchor TEXT NOT NULL,
  zone TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('gateway', 'beacon')),
  gateway TEXT,
  transmitter TEXT,
  enter_rssi_dbm INTEGER NOT NULL,
  PRIMARY KEY (store, anchor),
  FOREIGN KEY (store, zone) REFERENCES zones
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX anchors_by_transmitter ON anchors (transmitter) WHERE transmitter IS NOT NULL;

CREATE TABLE gateways (
  store TEXT NOT NULL REFERENCES stores,
  gateway TEXT NOT NULL,
  password_sha256 BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (store, gateway)
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
  sku TEXT PRIMARY KEY,
  name_nl TEXT NOT NULL,
  name_en TEXT NOT NULL,
  price_minor INTEGER NOT NULL,
  currency TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE placements (
  store TEXT NOT NULL REFERENCES stores,
  sku TEXT NOT NULL REFERENCES products,
  zone TEXT NOT NULL,
  shelf TEXT,
  stock INTEGER NOT NULL,
  PRIMARY KEY (store, sku),
  FOREIGN KEY (store, zone) REFERENCES zones
) STRICT, WITHOUT ROWID;

CREATE TABLE customers (
  customer BLOB PRIMARY KEY,
  external_id TEXT NOT NULL UNIQUE,
  given_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  salutation TEXT,
  language TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only: what she agreed to, in which words, when and where. The newest row of a purpose
-- is in force.
CREATE TABLE consent_ledger (
  entry INTEGER PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  purpose TEXT NOT NULL CHECK (purpose IN ('arrival', 'messages', 'browsing', 'statistics')),
  granted INTEGER NOT NULL,
  text_version TEXT NOT NULL,
  language TEXT NOT NULL,
  source TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_by_customer ON consent_ledger (customer, purpose, entry);

CREATE TABLE devices (
  device BLOB PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  platform TEXT NOT NULL,
  token_sha256 BLOB UNIQUE,
  signing_key BLOB,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_customer ON devices (customer);

CREATE TABLE radios (
  radio BLOB PRIMARY KEY,
  device BLOB NOT NULL REFERENCES devices ON DELETE CASCADE,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  eid_key BLOB NOT NULL,
  clock_offset_s INTEGER NOT NULL,
  valid_from_ms INTEGER NOT NULL,
  valid_to_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX radios_by_device ON radios (device);
CREATE INDEX radios_by_customer ON radios (customer);

CREATE TABLE enrolments (
  code_sha256 BLOB PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  expires_ms INTEGER NOT NULL,
  used_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  sku TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('viewed', 'wishlisted', 'carted', 'ordered')),
  PRIMARY KEY (customer, sku, at_ms, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  "order" BLOB PRIMARY KEY,
  external_id TEXT NOT NULL UNIQUE,
  store TEXT NOT NULL REFERENCES stores,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  state TEXT NOT NULL,
  bay TEXT,
  code TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_customer ON orders (customer, store);

CREATE TABLE order_lines (
  "order" BLOB NOT NULL REFERENCES orders ON DELETE CASCADE,
  sku TEXT NOT NULL REFERENCES products,
  quantity INTEGER NOT NULL,
  PRIMARY KEY ("order", sku)
) STRICT, WITHOUT ROWID;

-- The input log: all that the engine was told, in the one order of each store. Sightings are kept
-- to the second-last snapshot and no longer.
CREATE TABLE inputs (
  store TEXT NOT NULL,
  seq INTEGER NOT NULL,
  server_time_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (store, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
  store TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (store, seq)
) STRICT, WITHOUT ROWID;

-- Which batches are applied, for good: a redelivery is a no-op, however late.
CREATE TABLE applied (
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  boot BLOB NOT NULL,
  ranges TEXT NOT NULL,
  PRIMARY KEY (store, gateway, boot)
) STRICT, WITHOUT ROWID;

-- What could not be applied for good: kept, counted, visible. Never a body with identities that
-- did not resolve.
CREATE TABLE set_aside (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  reason TEXT NOT NULL,
  len_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE visits (
  visit BLOB PRIMARY KEY,
  store TEXT NOT NULL,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  entered_ms INTEGER NOT NULL,
  left_ms INTEGER,
  purpose TEXT NOT NULL,
  late INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX visits_by_store ON visits (store, entered_ms);
CREATE INDEX visits_by_customer ON visits (customer, store, entered_ms);

CREATE TABLE zone_stays (
  visit BLOB NOT NULL REFERENCES visits ON DELETE CASCADE,
  from_ms INTEGER NOT NULL,
  zone TEXT NOT NULL,
  to_ms INTEGER,
  PRIMARY KEY (visit, from_ms, zone)
) STRICT, WITHOUT ROWID;

CREATE TABLE cards (
  card BLOB PRIMARY KEY,
  store TEXT NOT NULL,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  journey TEXT NOT NULL,
  arrived_ms INTEGER NOT NULL,
  alerted_ms INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  taken_by BLOB,
  taken_ms INTEGER,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cards_by_store ON cards (store, since_ms);
-- At most one open alert per customer and store; duplicates die here.
CREATE UNIQUE INDEX cards_open ON cards (store, customer) WHERE journey = 'arrived';

CREATE TABLE decisions (
  decision BLOB PRIMARY KEY,
  store TEXT NOT NULL,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  visit BLOB NOT NULL,
  zone TEXT,
  choice TEXT NOT NULL,
  sku TEXT,
  reason TEXT,
  decided_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_by_store ON decisions (store, decided_ms);
CREATE INDEX decisions_by_customer ON decisions (customer, decided_ms);

-- The outbox. One row per recipient, cause and channel: duplicates die in the index.
CREATE TABLE deliveries (
  delivery BLOB PRIMARY KEY,
  store TEXT NOT NULL,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  channel TEXT NOT NULL,
  class TEXT NOT NULL CHECK (class IN ('marketing', 'service')),
  cause TEXT NOT NULL,
  visit BLOB,
  sku TEXT,
  decision BLOB,
  card BLOB,
  created_ms INTEGER NOT NULL,
  relevant_until_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  leased_until_ms INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- Its place in the recipient's stream, from the moment of sending.
  n INTEGER,
  sent_ms INTEGER,
  displayed_ms INTEGER,
  UNIQUE (customer, cause, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (state, leased_until_ms) WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_by_customer ON deliveries (customer, created_ms);
CREATE UNIQUE INDEX deliveries_once_a_visit ON deliveries (visit, sku, channel) WHERE class = 'marketing';

CREATE TABLE attempts (
  delivery BLOB NOT NULL REFERENCES deliveries ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY (delivery, attempt)
) STRICT, WITHOUT ROWID;

-- What live pages follow: a counter per store, inside the transaction.
CREATE TABLE changes (
  store TEXT NOT NULL,
  n INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  card BLOB NOT NULL,
  PRIMARY KEY (store, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  key_sha256 BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('shop', 'admin')),
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE staff (
  staff BLOB PRIMARY KEY,
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('staff', 'manager', 'admin')),
  -- The one store of a colleague or manager; none for admins.
  store TEXT,
  password_hash TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  token_sha256 BLOB PRIMARY KEY,
  staff BLOB REFERENCES staff ON DELETE CASCADE,
  customer BLOB REFERENCES customers ON DELETE CASCADE,
  csrf TEXT NOT NULL,
  expires_ms INTEGER NOT NULL,
  CHECK ((staff IS NULL) <> (customer IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE page_links (
  token_sha256 BLOB PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  request_sha256 BLOB NOT NULL,
  status INTEGER NOT NULL,
  body BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE signatures_seen (
  signature_sha256 BLOB PRIMARY KEY,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

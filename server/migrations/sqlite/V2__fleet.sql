-- How gateways and fixed beacons do, so that a restart forgets nothing of it. No row is about a
-- person: a fixed beacon hangs on a shelf.

-- The last word of each gateway, and what the words before it came to.
CREATE TABLE gateway_statuses (
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  link TEXT NOT NULL CHECK (link IN ('online', 'offline')),
  boot BLOB NOT NULL,
  sent_mono_ms INTEGER NOT NULL,
  version TEXT NOT NULL,
  counts TEXT NOT NULL,
  heard_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  -- When it had last heard something new, and how many statuses ago.
  adverts_ms INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  PRIMARY KEY (store, gateway),
  FOREIGN KEY (store, gateway) REFERENCES gateways
) STRICT, WITHOUT ROWID;

-- What a fixed beacon last said of itself, to whichever gateway.
CREATE TABLE beacons (
  store TEXT NOT NULL,
  transmitter TEXT NOT NULL,
  telemetry_ms INTEGER NOT NULL,
  battery_mv INTEGER,
  temperature_centi_c INTEGER,
  adv_count INTEGER NOT NULL,
  uptime_ms INTEGER NOT NULL,
  battery_low_since_ms INTEGER,
  PRIMARY KEY (store, transmitter)
) STRICT, WITHOUT ROWID;

-- What one gateway had of one fixed beacon. Only transmitters that are anchors of the store.
CREATE TABLE beacon_hearings (
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  transmitter TEXT NOT NULL,
  heard_last_ms INTEGER NOT NULL,
  -- Of the last status that had heard it.
  count INTEGER NOT NULL,
  rssi_dbm INTEGER,
  -- How strong it is of late, and how strong it has long been; none: never with a strength.
  hour_dbm REAL,
  long_dbm REAL,
  known_since_ms INTEGER,
  judged_ms INTEGER,
  shifted_since_ms INTEGER,
  PRIMARY KEY (store, gateway, transmitter),
  FOREIGN KEY (store, gateway) REFERENCES gateways
) STRICT, WITHOUT ROWID;

-- What is usual of fixed beacons, so that it is seen when one hangs elsewhere, when an antenna hears
-- otherwise, and when a cell runs down. No row is about a person.

-- One row for each gateway and beacon that it heard: three weeks in one byte an hour, about 600 bytes. A
-- store of 40 beacons and 4 gateways has 160 at most; each is written once an hour.
CREATE TABLE beacon_tracks (
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  transmitter TEXT NOT NULL,
  -- The hour of the last byte, counted from 1970.
  last_hour INTEGER NOT NULL,
  -- dBm; 127: not heard.
  hours BLOB NOT NULL,
  PRIMARY KEY (store, gateway, transmitter),
  FOREIGN KEY (store, gateway) REFERENCES gateways (store, gateway) ON DELETE CASCADE
) STRICT;

-- One row a beacon that tells its voltage: three months in two bytes a day; written once an hour.
CREATE TABLE beacon_cells (
  store TEXT NOT NULL,
  transmitter TEXT NOT NULL,
  -- Of late, as it would be at 20 °C.
  slow_mv REAL NOT NULL,
  said_ms INTEGER NOT NULL,
  last_day INTEGER NOT NULL,
  -- Millivolts, little end first; 0: nothing was said that day.
  days BLOB NOT NULL,
  PRIMARY KEY (store, transmitter)
) STRICT;

-- Told from the tracks now.
ALTER TABLE beacon_hearings DROP COLUMN long_dbm;
ALTER TABLE beacon_hearings DROP COLUMN known_since_ms;
ALTER TABLE beacon_hearings DROP COLUMN shifted_since_ms;

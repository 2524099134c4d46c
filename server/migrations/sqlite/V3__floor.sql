-- Where things lie, why visits changed, and what calibration walks found.

-- A zone's rectangle on the floor plan, in centimetres east and north of the plan's corner. All
-- four, or none: the store has no plan, or this zone is not on it.
ALTER TABLE zones ADD COLUMN x_cm INTEGER;
ALTER TABLE zones ADD COLUMN y_cm INTEGER;
ALTER TABLE zones ADD COLUMN wide_cm INTEGER;
ALTER TABLE zones ADD COLUMN deep_cm INTEGER;
-- A way out of the store begins here.
ALTER TABLE zones ADD COLUMN door INTEGER NOT NULL DEFAULT 0;

ALTER TABLE anchors ADD COLUMN x_cm INTEGER;
ALTER TABLE anchors ADD COLUMN y_cm INTEGER;

-- How sure the engine must be before it says a zone, and how many of a thousand passers-by it may
-- take for arrivals.
ALTER TABLE stores ADD COLUMN say_permille INTEGER NOT NULL DEFAULT 900;
ALTER TABLE stores ADD COLUMN false_arrivals_permille INTEGER NOT NULL DEFAULT 10;

-- Each change of a visit with what it rested on. No row outlives its visit, and none names her.
CREATE TABLE visit_changes (
  visit BLOB NOT NULL REFERENCES visits ON DELETE CASCADE,
  n INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  change TEXT NOT NULL,
  zone TEXT,
  -- Why, as JSON; none: only its times were moved.
  body TEXT,
  PRIMARY KEY (visit, n)
) STRICT, WITHOUT ROWID;

-- What anchors have of a radio that stands in a zone, from the walk that went live. Of nobody.
CREATE TABLE surveyed (
  store TEXT NOT NULL,
  anchor TEXT NOT NULL,
  zone TEXT NOT NULL,
  stood_ms INTEGER NOT NULL,
  sightings INTEGER NOT NULL,
  mean_cdbm INTEGER NOT NULL,
  sigma_cdb INTEGER NOT NULL,
  PRIMARY KEY (store, anchor, zone),
  FOREIGN KEY (store, anchor) REFERENCES anchors ON DELETE CASCADE,
  FOREIGN KEY (store, zone) REFERENCES zones ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The calibration walk of a store that goes on, or waits to be used or thrown away. It goes with
-- the customer whose radio it follows.
CREATE TABLE walks (
  store TEXT PRIMARY KEY REFERENCES stores,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  begun_ms INTEGER NOT NULL,
  ended_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Where the walker said she stood; the last stand of a walk that goes on has no end.
CREATE TABLE walk_stands (
  store TEXT NOT NULL REFERENCES walks ON DELETE CASCADE,
  n INTEGER NOT NULL,
  zone TEXT NOT NULL,
  from_ms INTEGER NOT NULL,
  to_ms INTEGER,
  PRIMARY KEY (store, n)
) STRICT, WITHOUT ROWID;

-- What one anchor had of her radio in one part of one stand: sums, not sightings.
CREATE TABLE walk_parts (
  store TEXT NOT NULL,
  n INTEGER NOT NULL,
  part INTEGER NOT NULL,
  anchor TEXT NOT NULL,
  sightings INTEGER NOT NULL,
  sum_dbm INTEGER NOT NULL,
  squares INTEGER NOT NULL,
  PRIMARY KEY (store, n, part, anchor),
  FOREIGN KEY (store, n) REFERENCES walk_stands ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

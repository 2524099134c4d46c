-- One programme for visits, check-ins and purchases, online and in the store. Only of customers who
-- joined. Times are Unix milliseconds.

-- What is given for what: every so many moments of a kind, a reward. What a rule counts never
-- changes: another number is another rule.
CREATE TABLE loyalty_rules (
  rule TEXT PRIMARY KEY,
  -- `visit`, `check_in`, `purchase_online`, `purchase_store`, with commas around each.
  counts TEXT NOT NULL,
  every INTEGER NOT NULL CHECK (every > 0),
  -- Of purchases, only those of so much or more.
  total_minor_min INTEGER,
  currency TEXT,
  name_nl TEXT NOT NULL,
  name_en TEXT NOT NULL,
  valid_ms INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('published', 'paused')),
  -- Moments before do not count.
  from_ms INTEGER NOT NULL,
  CHECK ((total_minor_min IS NULL) = (currency IS NULL))
) STRICT, WITHOUT ROWID;

-- Who came often enough lately has a tier; of several the highest.
CREATE TABLE loyalty_tiers (
  tier TEXT PRIMARY KEY,
  name_nl TEXT NOT NULL,
  name_en TEXT NOT NULL,
  moments_min INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- Who joined, by which words. Who leaves is gone from here, and so is all below.
CREATE TABLE members (
  customer BLOB PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
  joined_ms INTEGER NOT NULL,
  text_version TEXT NOT NULL,
  language TEXT NOT NULL,
  source TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What counts. A cause counts once: one day in one store, one receipt.
CREATE TABLE loyalty_moments (
  moment INTEGER PRIMARY KEY AUTOINCREMENT,
  customer BLOB NOT NULL REFERENCES members ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('visit', 'check_in', 'purchase_online', 'purchase_store')),
  cause TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  store TEXT,
  total_minor INTEGER,
  currency TEXT,
  -- The purchase was called off.
  undone INTEGER NOT NULL DEFAULT 0,
  UNIQUE (customer, kind, cause)
) STRICT;
CREATE INDEX loyalty_moments_by_time ON loyalty_moments (at_ms);

-- A reward used up the moments of its rule up to and with `upto`; the next begins behind it.
CREATE TABLE rewards (
  reward BLOB PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES members ON DELETE CASCADE,
  rule TEXT NOT NULL REFERENCES loyalty_rules,
  upto INTEGER NOT NULL,
  -- What she shows at the till.
  code TEXT NOT NULL UNIQUE,
  earned_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  redeemed_ms INTEGER,
  redeemed_store TEXT,
  -- `key/…` or `staff/…`: at whose till.
  redeemed_by TEXT,
  UNIQUE (customer, rule, upto)
) STRICT, WITHOUT ROWID;

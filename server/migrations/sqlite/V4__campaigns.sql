-- What the retailer wants told. A campaign is a row; its text is a version, and a version that was
-- published never changes. Times are Unix milliseconds.

CREATE TABLE campaigns (
  campaign BLOB PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('draft', 'published', 'paused', 'ended')),
  -- The version that runs, or ran last; none before the first publication.
  published INTEGER,
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE campaign_versions (
  campaign BLOB NOT NULL REFERENCES campaigns ON DELETE CASCADE,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- How long after a message a purchase counts as its effect.
  attribution_ms INTEGER NOT NULL,
  body TEXT NOT NULL,
  saved_ms INTEGER NOT NULL,
  saved_by TEXT NOT NULL,
  PRIMARY KEY (campaign, version)
) STRICT, WITHOUT ROWID;

-- How often a campaign was told, by whole hours, in one store and ('*') in all: for caps that are
-- not one person's. Moves in the transaction that decides or drops a message.
CREATE TABLE campaign_counts (
  campaign BLOB NOT NULL,
  store TEXT NOT NULL,
  hour_ms INTEGER NOT NULL,
  told INTEGER NOT NULL,
  PRIMARY KEY (campaign, store, hour_ms)
) STRICT, WITHOUT ROWID;

-- How the moments of a campaign ended, by days (UTC) and stores: told, or the reason why not. For
-- lists; it names nobody.
CREATE TABLE campaign_ends (
  campaign BLOB NOT NULL,
  store TEXT NOT NULL,
  day_ms INTEGER NOT NULL,
  end TEXT NOT NULL,
  times INTEGER NOT NULL,
  PRIMARY KEY (campaign, store, day_ms, end)
) STRICT, WITHOUT ROWID;

-- What she does not want to hear: everything for a while, a store, a topic.
CREATE TABLE mutes (
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('pause', 'store', 'topic')),
  value TEXT NOT NULL,
  until_ms INTEGER,
  PRIMARY KEY (customer, kind, value)
) STRICT, WITHOUT ROWID;

ALTER TABLE decisions ADD COLUMN campaign BLOB;
ALTER TABLE decisions ADD COLUMN version INTEGER;
ALTER TABLE decisions ADD COLUMN arm TEXT CHECK (arm IN ('told', 'held_out'));
CREATE INDEX decisions_by_campaign ON decisions (campaign, decided_ms) WHERE campaign IS NOT NULL;

ALTER TABLE deliveries ADD COLUMN campaign BLOB;
ALTER TABLE deliveries ADD COLUMN version INTEGER;
ALTER TABLE deliveries ADD COLUMN reward BLOB;
CREATE INDEX deliveries_by_decision ON deliveries (decision) WHERE decision IS NOT NULL;
-- Meant for the time after she left; other marketing is dropped then.
ALTER TABLE deliveries ADD COLUMN after_exit INTEGER NOT NULL DEFAULT 0;

-- Decisions from before campaigns were made by what is now the first of them, below; their bodies
-- are of another shape, and are only ever shown as far as they can be read.

-- What every chain begins with: of what she did online the best that stands in her zone.
INSERT INTO campaigns VALUES (x'019a0000000070008000000000000001', 'published', 1, 0, 0);
INSERT INTO campaign_versions VALUES (
  x'019a0000000070008000000000000001', 1, 'Van je verlanglijst, hier op voorraad', 1209600000,
  '{"campaign":"019a0000-0000-7000-8000-000000000001","version":1,"topic":"wishlist",'
  || '"trigger":{"when":"enter"},"about":{"about":"product"},"relevant_ms":120000,'
  || '"content":{"nl":{"title":"Dit staat hier","body":"{product}: {place}."},'
  || '"en":{"title":"This is here","body":"{product}: {place}."}}}',
  0, 'welkom');

-- What shops sell, what shoppers do online, and who may tell us of it. Times are Unix milliseconds.

-- A SKU is one variant (size, colour) of a product; `product` names what the variants have in
-- common. Words of an older version than the row's own change nothing.
ALTER TABLE products ADD COLUMN product TEXT;
ALTER TABLE products ADD COLUMN category TEXT;
ALTER TABLE products ADD COLUMN variant TEXT;
ALTER TABLE products ADD COLUMN version_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX products_by_product ON products (product, sku) WHERE product IS NOT NULL;

CREATE TABLE stock (
  store TEXT NOT NULL REFERENCES stores,
  sku TEXT NOT NULL REFERENCES products,
  quantity INTEGER NOT NULL,
  -- When it last rose from nothing; none: it never did.
  back_ms INTEGER,
  version_ms INTEGER NOT NULL,
  PRIMARY KEY (store, sku)
) STRICT, WITHOUT ROWID;
INSERT INTO stock SELECT store, sku, stock, NULL, 0 FROM placements;
ALTER TABLE placements DROP COLUMN stock;

-- Where a store has what is not placed piece by piece.
CREATE TABLE category_placements (
  store TEXT NOT NULL REFERENCES stores,
  category TEXT NOT NULL,
  zone TEXT NOT NULL,
  shelf TEXT,
  PRIMARY KEY (store, category),
  FOREIGN KEY (store, zone) REFERENCES zones
) STRICT, WITHOUT ROWID;

-- What she did, with a SKU or (`grouped`) with a product of which the variant is not known. Only
-- with her consent `browsing`.
CREATE TABLE intents_now (
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  sku TEXT NOT NULL,
  grouped INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('viewed', 'wishlisted', 'unwishlisted', 'carted', 'uncarted',
    'ordered', 'read')),
  -- Of a wish: the price at that time, if it is known.
  price_minor INTEGER,
  PRIMARY KEY (customer, sku, grouped, at_ms, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO intents_now SELECT customer, sku, 0, at_ms, kind, NULL FROM intents;
DROP TABLE intents;
ALTER TABLE intents_now RENAME TO intents;

-- Categories that she looked at, without a product. Only with her consent `browsing`.
CREATE TABLE interests (
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  category TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (customer, category, at_ms)
) STRICT, WITHOUT ROWID;

-- The same of nobody yet: kept for a short time, for her who says that it was she. `anonymous` is
-- a hash; `kind` may be `interest`, and `sku` is a category then.
CREATE TABLE anonymous (
  id INTEGER PRIMARY KEY,
  anonymous BLOB NOT NULL,
  sku TEXT NOT NULL,
  grouped INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  price_minor INTEGER,
  kept_ms INTEGER NOT NULL,
  UNIQUE (anonymous, sku, grouped, at_ms, kind)
) STRICT;

CREATE TABLE articles (
  article TEXT PRIMARY KEY,
  title TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE article_products (
  article TEXT NOT NULL REFERENCES articles ON DELETE CASCADE,
  sku TEXT NOT NULL,
  grouped INTEGER NOT NULL,
  PRIMARY KEY (article, sku, grouped)
) STRICT, WITHOUT ROWID;

CREATE TABLE article_categories (
  article TEXT NOT NULL REFERENCES articles ON DELETE CASCADE,
  category TEXT NOT NULL,
  PRIMARY KEY (article, category)
) STRICT, WITHOUT ROWID;

-- What she bought, online or at the till: only with her consent `browsing` or `statistics`.
CREATE TABLE receipts (
  -- The shop's own number, behind the name of the source that told it.
  receipt TEXT PRIMARY KEY,
  customer BLOB NOT NULL REFERENCES customers ON DELETE CASCADE,
  -- None: online.
  store TEXT REFERENCES stores,
  -- None: only its cancellation is known.
  at_ms INTEGER,
  total_minor INTEGER,
  currency TEXT,
  state TEXT NOT NULL CHECK (state IN ('bought', 'cancelled', 'refunded')),
  version_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_by_customer ON receipts (customer, at_ms);

CREATE TABLE receipt_lines (
  receipt TEXT NOT NULL REFERENCES receipts ON DELETE CASCADE,
  sku TEXT NOT NULL,
  grouped INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  price_minor INTEGER,
  PRIMARY KEY (receipt, sku, grouped)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys_now (
  key_sha256 BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('shop', 'admin', 'track')),
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO api_keys_now SELECT * FROM api_keys;
DROP TABLE api_keys;
ALTER TABLE api_keys_now RENAME TO api_keys;

-- Events that came before, by 64 bits of a hash of their messageId.
CREATE TABLE messages_seen (
  message INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_seen_by_time ON messages_seen (at_ms);

-- Shops that send webhooks.
CREATE TABLE sources (
  source TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('shopify', 'woocommerce')),
  -- In clear: a signature can be computed with nothing less. It leaves this table never.
  secret TEXT NOT NULL,
  -- The store of what names none.
  store TEXT REFERENCES stores,
  currency TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the shop calls things: `location` (store), `item` (SKU), `ready` (an order set aside before
-- we knew it).
CREATE TABLE source_links (
  source TEXT NOT NULL REFERENCES sources ON DELETE CASCADE,
  kind TEXT NOT NULL,
  external TEXT NOT NULL,
  ours TEXT NOT NULL,
  PRIMARY KEY (source, kind, external)
) STRICT, WITHOUT ROWID;

-- Which of our orders the shop's order is.
CREATE TABLE source_orders (
  source TEXT NOT NULL REFERENCES sources ON DELETE CASCADE,
  external TEXT NOT NULL,
  "order" BLOB NOT NULL REFERENCES orders ON DELETE CASCADE,
  PRIMARY KEY (source, external)
) STRICT, WITHOUT ROWID;
CREATE INDEX source_orders_by_order ON source_orders ("order");

-- Deliveries that came before, by hashes of their ids and bodies.
CREATE TABLE source_seen (
  seen BLOB PRIMARY KEY,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_seen_by_time ON source_seen (at_ms);

-- How new our knowledge of one order, cart, customer is; `resource` is a hash.
CREATE TABLE source_versions (
  resource BLOB PRIMARY KEY,
  version_ms INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_versions_by_time ON source_versions (at_ms);

-- How each source does, webhooks (`shopify/NAME`) and keys (`track/NAME`) alike.
CREATE TABLE source_numbers (
  source TEXT PRIMARY KEY,
  last_ms INTEGER NOT NULL,
  -- Of the last message: 1 right, 0 wrong.
  signature INTEGER,
  signature_ms INTEGER,
  -- What became of its messages, as JSON: a word and how often.
  counts TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The last of what went wrong with it; no word about a person.
CREATE TABLE source_errors (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  error TEXT NOT NULL
) STRICT;
CREATE INDEX source_errors_by_source ON source_errors (source, id);

-- What a person of the operator must do.
CREATE TABLE tasks (
  task INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  source TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('data_request', 'shop_redact')),
  customer BLOB REFERENCES customers ON DELETE CASCADE,
  -- The shop's own number of the request.
  external TEXT,
  done_ms INTEGER
) STRICT;
CREATE INDEX tasks_by_customer ON tasks (customer) WHERE customer IS NOT NULL;

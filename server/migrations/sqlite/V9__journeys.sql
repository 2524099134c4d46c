-- Orders of several kinds, and the way of the customer who comes for them. All orders and cards from
-- before are pickups and arrivals, and stay so.
ALTER TABLE orders ADD COLUMN kind TEXT NOT NULL DEFAULT 'click_and_collect'
  CHECK (kind IN ('click_and_collect', 'reservation', 'return', 'try_on', 'help'));
-- The last day of a return, or until when a reservation is kept.
ALTER TABLE orders ADD COLUMN due_ms INTEGER;
-- Handed over, and that may still be taken back.
ALTER TABLE orders ADD COLUMN held_ms INTEGER;

-- At most one open card per customer and store, from her first word on; duplicates die here.
DROP INDEX cards_open;
CREATE UNIQUE INDEX cards_open ON cards (store, customer)
  WHERE journey IN ('en_route', 'nearby', 'arrived', 'waiting');

-- The order that a message is about. The index over customer, cause and channel makes it one a
-- message.
ALTER TABLE deliveries ADD COLUMN "order" BLOB;

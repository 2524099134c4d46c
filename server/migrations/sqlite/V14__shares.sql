-- Somebody else collects an order: what he says at the desk, and the SHA-256 of the link to it.
ALTER TABLE orders ADD COLUMN share_code TEXT;
ALTER TABLE orders ADD COLUMN share_sha256 BLOB;
CREATE UNIQUE INDEX orders_by_share ON orders (share_sha256) WHERE share_sha256 IS NOT NULL;

-- Both end with the order, whoever ends it, and when it becomes another customer's.
CREATE TRIGGER share_ends AFTER UPDATE ON orders
WHEN (NEW.share_code IS NOT NULL OR NEW.share_sha256 IS NOT NULL)
  AND (NEW.state IN ('cancelled', 'completed') OR NEW.customer <> OLD.customer) BEGIN
  UPDATE orders SET share_code = NULL, share_sha256 = NULL WHERE "order" = NEW."order";
END;

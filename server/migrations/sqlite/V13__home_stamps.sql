-- How things stand in a store is told to its home when it has changed. What it is made of says so
-- itself: a stamp for each store that has a home, and for no other.
ALTER TABLE homes ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER stamp_order_added AFTER INSERT ON orders BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_order_changed AFTER UPDATE ON orders BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store IN (OLD.store, NEW.store);
END;
CREATE TRIGGER stamp_order_gone AFTER DELETE ON orders BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = OLD.store;
END;
CREATE TRIGGER stamp_order_line AFTER INSERT ON order_lines BEGIN
  UPDATE homes SET stamp = stamp + 1
  WHERE store = (SELECT store FROM orders WHERE "order" = NEW."order");
END;
CREATE TRIGGER stamp_consent AFTER INSERT ON consent_ledger WHEN NEW.purpose = 'arrival' BEGIN
  UPDATE homes SET stamp = stamp + 1
  WHERE store IN (SELECT store FROM orders WHERE customer = NEW.customer);
END;
CREATE TRIGGER stamp_customer AFTER UPDATE ON customers BEGIN
  UPDATE homes SET stamp = stamp + 1
  WHERE store IN (SELECT store FROM orders WHERE customer = NEW.customer);
END;
CREATE TRIGGER stamp_radio_added AFTER INSERT ON radios BEGIN
  UPDATE homes SET stamp = stamp + 1
  WHERE store IN (SELECT store FROM orders WHERE customer = NEW.customer);
END;
CREATE TRIGGER stamp_radio_changed AFTER UPDATE ON radios BEGIN
  UPDATE homes SET stamp = stamp + 1
  WHERE store IN (SELECT store FROM orders WHERE customer = NEW.customer);
END;
CREATE TRIGGER stamp_word AFTER INSERT ON home_words BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_store AFTER UPDATE ON stores
WHEN OLD.epoch = NEW.epoch BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_zone_added AFTER INSERT ON zones BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_zone_changed AFTER UPDATE ON zones BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_anchor_added AFTER INSERT ON anchors BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_anchor_changed AFTER UPDATE ON anchors BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_surveyed AFTER INSERT ON surveyed BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_gateway_added AFTER INSERT ON gateways BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_gateway_changed AFTER UPDATE ON gateways BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_staff_added AFTER INSERT ON staff BEGIN
  UPDATE homes SET stamp = stamp + 1;
END;
CREATE TRIGGER stamp_staff_changed AFTER UPDATE ON staff BEGIN
  UPDATE homes SET stamp = stamp + 1;
END;

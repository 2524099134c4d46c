-- Pagers and displays that hear of a store's desk over MQTT. No row is about a person.
CREATE TABLE displays (
  store TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  display TEXT NOT NULL,
  password_sha256 BLOB NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (store, display)
) STRICT, WITHOUT ROWID;

-- A store's home lets them in too.
CREATE TRIGGER stamp_display_added AFTER INSERT ON displays BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_display_changed AFTER UPDATE ON displays BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_display_gone AFTER DELETE ON displays BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = OLD.store;
END;

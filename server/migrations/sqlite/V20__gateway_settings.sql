-- What gateways are to do otherwise than their files say (protocol::settings). No row is about a person.
CREATE TABLE gateway_settings (
  store TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  gateway TEXT NOT NULL,       -- '': all of the store; else what is other for this one
  version INTEGER NOT NULL,    -- one row of numbers for the whole store
  settings TEXT NOT NULL,      -- JSON, under the keys of a gateway's file
  changed_ms INTEGER NOT NULL,
  PRIMARY KEY (store, gateway)
) STRICT, WITHOUT ROWID;
-- At a store's home, which cannot sign: what the central server says to each gateway.
CREATE TABLE gateway_settings_signed (
  store TEXT NOT NULL REFERENCES stores ON DELETE CASCADE,
  gateway TEXT NOT NULL,
  signed TEXT NOT NULL,        -- JSON
  PRIMARY KEY (store, gateway)
) STRICT, WITHOUT ROWID;
-- What each gateway last said of it.
CREATE TABLE gateway_settings_states (
  store TEXT NOT NULL,
  gateway TEXT NOT NULL,
  state TEXT NOT NULL,         -- JSON
  since_ms INTEGER NOT NULL,   -- of the version in force, as far as this server saw
  PRIMARY KEY (store, gateway),
  FOREIGN KEY (store, gateway) REFERENCES gateways ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TRIGGER stamp_gateway_settings_added AFTER INSERT ON gateway_settings BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;
CREATE TRIGGER stamp_gateway_settings_changed AFTER UPDATE ON gateway_settings BEGIN
  UPDATE homes SET stamp = stamp + 1 WHERE store = NEW.store;
END;

-- Visits by what they are kept for: figures read them by store and time, and look up by customer
-- when she first came and where else she was, without a row of the table.
CREATE INDEX visits_by_purpose ON visits (store, purpose, entered_ms, customer);
CREATE INDEX visits_of_customer ON visits (customer, purpose, entered_ms, store);

-- How often a provider's circuit has opened in a row: each time it stays open for twice as long.
ALTER TABLE headrace.cooldowns ADD COLUMN openings integer NOT NULL DEFAULT 0;

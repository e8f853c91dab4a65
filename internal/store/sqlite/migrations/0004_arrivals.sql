-- The round trip to the miner, and when an attempt's output came. Unknown of those before: 0.
ALTER TABLE outcomes ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN mean INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN gap95 INTEGER NOT NULL DEFAULT 0;

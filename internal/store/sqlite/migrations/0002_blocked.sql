-- How long an attempt waited for the caller to read. Unknown of those before: 0.
ALTER TABLE outcomes ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;

-- 1: a check's speed is that of the miner's other answers.
ALTER TABLE checks ADD COLUMN untimed INTEGER NOT NULL DEFAULT 0;

-- What a contender offered when a beacon asked it, as JSON, if that was in an earlier period than the burst's; else ''.
ALTER TABLE bursts ADD COLUMN offer TEXT NOT NULL DEFAULT '';

-- How a stream went on while a beacon asked: nanoseconds and units. Unknown of those before: 0.
ALTER TABLE outcomes ADD COLUMN beacon_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outcomes ADD COLUMN beacon_work INTEGER NOT NULL DEFAULT 0;

-- How long an attempt waited for the caller to read. Unknown of those before: 0.
ALTER TABLE outcomes ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;

-- The work that a request could take at most. Unknown of those before: 0.
ALTER TABLE outcomes ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;

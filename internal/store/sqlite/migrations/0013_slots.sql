
-- How many slots a beacon asked of a contender, and of how many requests each answer's slot is made up, as varints. 0 and
-- nothing: each request is one.
ALTER TABLE bursts ADD COLUMN slots INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bursts ADD COLUMN of BLOB NOT NULL DEFAULT x'';

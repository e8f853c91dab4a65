-- What shows that an answer is the miner's: a proto.Proof as JSON; empty if it signed nothing.
ALTER TABLE sample_bodies ADD COLUMN proof BLOB NOT NULL DEFAULT x'';
ALTER TABLE evidence ADD COLUMN proof BLOB NOT NULL DEFAULT x'';

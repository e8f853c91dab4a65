-- Answers that began word for word as another miner's to the same prompt under another seed.
CREATE TABLE copies (
  sample  INTEGER PRIMARY KEY,
  task    TEXT NOT NULL,
  miner   BLOB NOT NULL,
  other   BLOB NOT NULL,
  at      INTEGER NOT NULL,
  request TEXT NOT NULL,
  other_request TEXT NOT NULL,
  tokens  INTEGER NOT NULL,
  log_p   REAL NOT NULL
) STRICT;
CREATE INDEX copies_miner ON copies (miner, at, sample);
CREATE INDEX copies_other ON copies (other, at, sample);
CREATE INDEX copies_at ON copies (at, sample);

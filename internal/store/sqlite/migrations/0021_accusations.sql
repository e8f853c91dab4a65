-- Answers that other validators showed in receipts, as this validator judged them itself. checked is how many
-- of the pair's answers it had checked then.
CREATE TABLE accusations (
  answer    BLOB PRIMARY KEY, -- SHA-256 of what the miner signed
  validator BLOB NOT NULL,    -- who showed it
  miner     BLOB NOT NULL,
  task      TEXT NOT NULL,
  at        INTEGER NOT NULL,
  e         REAL NOT NULL,
  test      TEXT NOT NULL,
  reference TEXT NOT NULL,
  checked   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accusations_at ON accusations (at);

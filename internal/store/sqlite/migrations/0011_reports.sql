-- The newest signed report of each validator, this one's among them.
CREATE TABLE reports (
  validator BLOB PRIMARY KEY,
  own       INTEGER NOT NULL, -- 1: of this validator
  period    INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  body      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What judged an answer, and what followed for its miner. Checks of before have no number.
ALTER TABLE checks ADD COLUMN reference TEXT NOT NULL DEFAULT '';
ALTER TABLE checks ADD COLUMN again TEXT NOT NULL DEFAULT '';
ALTER TABLE checks ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checks ADD COLUMN weak INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checks ADD COLUMN abandoned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checks ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE checks ADD COLUMN standing INTEGER NOT NULL DEFAULT 0; -- 0 trusted, 1 watched, 2 convicted
ALTER TABLE checks ADD COLUMN wealth REAL NOT NULL DEFAULT 1;
ALTER TABLE checks ADD COLUMN convicted INTEGER NOT NULL DEFAULT 0; -- 1: this one did

-- What is known of each miner on each task.
CREATE TABLE judgements (
  miner    BLOB NOT NULL,
  task     TEXT NOT NULL,
  at       INTEGER NOT NULL, -- of the newest check
  since    INTEGER NOT NULL, -- of this standing
  standing INTEGER NOT NULL,
  convicts INTEGER NOT NULL, -- convictions ever
  weak     INTEGER NOT NULL, -- 1: what the miner declares rules out a stronger test
  place    INTEGER NOT NULL, -- of its samples in the queue
  state    BLOB NOT NULL,    -- as package judgement writes it
  PRIMARY KEY (miner, task)
) STRICT, WITHOUT ROWID;

-- Checked answers that speak against their miner: the check as a JSON document, and
-- the sample as in sample_bodies, its bodies empty if they were too long.
CREATE TABLE evidence (
  sample        INTEGER PRIMARY KEY,
  miner         BLOB NOT NULL,
  task          TEXT NOT NULL,
  at            INTEGER NOT NULL,
  number        INTEGER NOT NULL, -- of the pair's checks
  proves        INTEGER NOT NULL, -- 1: among those that convicted
  size          INTEGER NOT NULL, -- bytes of deflated
  verdict       TEXT NOT NULL,
  outcome       BLOB NOT NULL,
  request_size  INTEGER NOT NULL,
  response_size INTEGER NOT NULL,
  deflated      BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_pair ON evidence (miner, task, proves, number);
CREATE INDEX evidence_age ON evidence (proves, at, size);

-- samples.checks is a place in the queue: checks of the pair, up to 1000; an eighth of
-- them if it is watched. size is that of the deflated bodies; of before, 0.
ALTER TABLE samples ADD COLUMN size INTEGER NOT NULL DEFAULT 0;

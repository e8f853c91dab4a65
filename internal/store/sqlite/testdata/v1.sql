-- A database as version 1 left it. Never change it.
CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL) STRICT;
INSERT INTO migrations VALUES (1, 'initial', 1770000000000000000);
-- Times are integer nanoseconds since 1970 (0: none), durations nanoseconds,
-- miners the 32 bytes of their hotkeys, flags 0 or 1.

-- How far the records of each journal segment have been moved in here.
CREATE TABLE journals (
  name     TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outcomes (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  request      TEXT NOT NULL,
  try          INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  key          INTEGER NOT NULL,
  source       INTEGER NOT NULL,
  task         TEXT NOT NULL,
  miner        BLOB NOT NULL,
  status       INTEGER NOT NULL,
  reason       TEXT NOT NULL,
  stream       INTEGER NOT NULL,
  work         INTEGER NOT NULL,
  prompt_work  INTEGER NOT NULL,
  start        INTEGER NOT NULL,
  first_output INTEGER NOT NULL,
  total        INTEGER NOT NULL,
  chunks       INTEGER NOT NULL,
  longest      INTEGER NOT NULL,
  burst        REAL NOT NULL
) STRICT;

CREATE TABLE features (
  id           INTEGER PRIMARY KEY,
  at           INTEGER NOT NULL, -- end of the request
  kind         TEXT NOT NULL,
  stream       INTEGER NOT NULL,
  turns        INTEGER NOT NULL,
  prompt_bytes INTEGER NOT NULL,
  output       INTEGER NOT NULL,
  temperature  REAL NOT NULL,
  top_p        REAL NOT NULL,
  size         TEXT NOT NULL
) STRICT;
CREATE INDEX features_newest ON features (kind, id);

-- Samples that wait for a check. checks is how many checks their miner has had
-- in their task, kept here so that the queue is one walk along an index.
CREATE TABLE samples (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  miner   BLOB NOT NULL,
  task    TEXT NOT NULL,
  start   INTEGER NOT NULL,
  checks  INTEGER NOT NULL,
  due     INTEGER NOT NULL, -- not given out before; a claim moves it to the lease's end
  tries   INTEGER NOT NULL DEFAULT 0,
  why     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX samples_queue ON samples (checks, start, id, due);
CREATE INDEX samples_pair ON samples (miner, task);
CREATE INDEX samples_start ON samples (start);

-- What a sample's checker needs: the outcome as the journal encodes it, and
-- both bodies, one after the other, deflated.
CREATE TABLE sample_bodies (
  id            INTEGER PRIMARY KEY,
  outcome       BLOB NOT NULL,
  request_size  INTEGER NOT NULL,
  response_size INTEGER NOT NULL,
  deflated      BLOB NOT NULL
) STRICT;

CREATE TABLE checks (
  sample  INTEGER PRIMARY KEY,
  task    TEXT NOT NULL,
  miner   BLOB NOT NULL,
  source  INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  quality REAL NOT NULL,
  speed   REAL NOT NULL,
  work    INTEGER NOT NULL,
  test    TEXT NOT NULL,
  detail  TEXT NOT NULL,
  e       REAL NOT NULL
) STRICT;
CREATE INDEX checks_miner ON checks (miner, at, sample);
CREATE INDEX checks_pair ON checks (miner, task, at, sample);
CREATE INDEX checks_at ON checks (at, miner, task);

CREATE TABLE periods (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  start INTEGER NOT NULL,
  end   INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  seed  INTEGER NOT NULL -- the bits of an unsigned number
) STRICT;

CREATE TABLE contenders (
  period   INTEGER NOT NULL,
  uid      INTEGER NOT NULL,
  task     TEXT NOT NULL,
  miner    BLOB NOT NULL,
  addr     TEXT NOT NULL,
  declared INTEGER NOT NULL,
  capacity INTEGER NOT NULL,
  share    REAL NOT NULL,
  probes   INTEGER NOT NULL,
  slots    INTEGER NOT NULL,
  PRIMARY KEY (period, uid, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE results (
  period       INTEGER NOT NULL,
  uid          INTEGER NOT NULL,
  task         TEXT NOT NULL,
  requests     INTEGER NOT NULL,
  ok           INTEGER NOT NULL,
  rate_limited INTEGER NOT NULL,
  failed       INTEGER NOT NULL,
  consumed     INTEGER NOT NULL,
  declared     INTEGER NOT NULL,
  score        REAL NOT NULL,
  valid        INTEGER NOT NULL,
  PRIMARY KEY (period, uid, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE weights (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  period INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  taken  INTEGER NOT NULL,
  note   TEXT NOT NULL
) STRICT;
CREATE INDEX weights_period ON weights (period);

CREATE TABLE miner_weights (
  vector INTEGER NOT NULL,
  place  INTEGER NOT NULL, -- in the vector's own order
  miner  BLOB NOT NULL,
  uid    INTEGER NOT NULL,
  weight REAL NOT NULL,
  PRIMARY KEY (vector, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL,
  hash       BLOB NOT NULL UNIQUE,
  hint       TEXT NOT NULL,
  per_minute INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  revoked    INTEGER NOT NULL
) STRICT;

CREATE TABLE secrets (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO outcomes VALUES (41, 'req-old', 0, 1, 1, 0, 'chat', X'aa00000000000000000000000000000000000000000000000000000000000000', 0, '', 1, 20, 7, 1770000000000000000, 90000000, 3000000000, 20, 40000000, 0.1);
INSERT INTO keys VALUES (1, 'first customer', zeroblob(32), 'wxyz', 60, 1770000000000000000, 0);
INSERT INTO periods VALUES (1, 1770000000000000000, 1770003600000000000, 0, -1);
INSERT INTO samples (id, miner, task, start, checks, due) VALUES (1, X'0102030000000000000000000000000000000000000000000000000000000000', 'chat-llama-3.1-8b', 1700000000000000000, 0, 0);
INSERT INTO sample_bodies VALUES (1, X'011E7265712D6162636465666768696A6B6C6D6E6F707172737475767778797A00010E0011636861742D6C6C616D612D332E312D386201020300000000000000000000000000000000000000000000000000000000000000019003F80A8080D0E2C6BFCE972F80AAEA5580F882AD16900380E892269A9999999999B93F', 2, 4, X'000600F9FF7B7D64617461010000FFFF');

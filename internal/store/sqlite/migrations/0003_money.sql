-- Amounts are integer micro-credits.

CREATE TABLE projects (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL UNIQUE,
  kind     INTEGER NOT NULL, -- 0 free, 1 prepaid
  created  INTEGER NOT NULL,
  archived INTEGER NOT NULL
) STRICT;
INSERT INTO projects VALUES (1, 'default', 0, CAST(strftime('%s', 'now') AS INTEGER) * 1000000000, 0);

-- Keys of before pay nothing, as before.
ALTER TABLE keys ADD COLUMN project INTEGER NOT NULL DEFAULT 1;
ALTER TABLE keys ADD COLUMN tasks TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN tokens_per_minute INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN concurrent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN spend_limit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN rotated_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN root INTEGER NOT NULL DEFAULT 0;
UPDATE keys SET root = id;
CREATE INDEX keys_root ON keys (root);

-- Balances, which must be what the transfers make of them.
CREATE TABLE accounts (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  kind    INTEGER NOT NULL, -- 0 bank, 1 revenue, 2 project, 3 lease
  process TEXT NOT NULL,    -- of a lease, else ''
  project INTEGER NOT NULL, -- of a project or lease, else 0
  balance INTEGER NOT NULL CHECK (balance >= 0 OR kind = 0),
  UNIQUE (kind, process, project)
) STRICT;
CREATE INDEX accounts_leased ON accounts (project) WHERE kind = 3 AND balance > 0;
INSERT INTO accounts VALUES (1, 0, '', 0, 0), (2, 1, '', 0, 0), (3, 2, '', 1, 0);

-- The ledger: each row moves an amount from source to target.
CREATE TABLE transfers (
  id        INTEGER PRIMARY KEY, -- from 1 on without a gap: rows are never deleted
  at        INTEGER NOT NULL,
  kind      INTEGER NOT NULL, -- 1 deposit, 2 adjust, 3 lease, 4 return, 5 charge, 6 refund, 7 cover
  source    INTEGER NOT NULL,
  target    INTEGER NOT NULL,
  amount    INTEGER NOT NULL CHECK (amount > 0),
  project   INTEGER NOT NULL,
  request   TEXT NOT NULL,
  note      TEXT NOT NULL,
  reference TEXT NOT NULL
) STRICT;
CREATE INDEX transfers_other ON transfers (project, id) WHERE kind IN (1, 2, 6, 7);
CREATE INDEX transfers_refunds ON transfers (request) WHERE kind = 6;
CREATE UNIQUE INDEX transfers_reference ON transfers (reference) WHERE reference <> '';
CREATE TRIGGER transfers_stay BEFORE DELETE ON transfers BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER transfers_same BEFORE UPDATE ON transfers BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TABLE receipts (
  request      TEXT PRIMARY KEY,
  project      INTEGER NOT NULL,
  key          INTEGER NOT NULL,
  task         TEXT NOT NULL,
  at           INTEGER NOT NULL,
  unit         TEXT NOT NULL,
  prompt       INTEGER NOT NULL,
  units        INTEGER NOT NULL,
  price_prompt INTEGER NOT NULL,
  price_output INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  charged      INTEGER NOT NULL,
  class        INTEGER NOT NULL, -- 0 complete, 1 partial
  miner        BLOB NOT NULL,
  tries        INTEGER NOT NULL,
  transfer     INTEGER NOT NULL  -- its charge; 0: none
) STRICT, WITHOUT ROWID;
CREATE INDEX receipts_project ON receipts (project, at, request);
CREATE TRIGGER receipts_stay BEFORE DELETE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts are kept'); END;
CREATE TRIGGER receipts_same BEFORE UPDATE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts are kept'); END;

-- Sums of receipts.
CREATE TABLE usage (
  project  INTEGER NOT NULL,
  day      INTEGER NOT NULL, -- since 1970, UTC
  key      INTEGER NOT NULL,
  task     TEXT NOT NULL,
  unit     TEXT NOT NULL,
  requests INTEGER NOT NULL,
  partial  INTEGER NOT NULL,
  prompt   INTEGER NOT NULL,
  units    INTEGER NOT NULL,
  cost     INTEGER NOT NULL,
  charged  INTEGER NOT NULL,
  PRIMARY KEY (project, day, key, task, unit)
) STRICT, WITHOUT ROWID;

-- What keys with a spend limit were charged, and what processes may charge
-- them without asking, by the keys' root.
CREATE TABLE spending (
  root  INTEGER PRIMARY KEY,
  spent INTEGER NOT NULL
) STRICT;
CREATE TABLE allowances (
  root    INTEGER NOT NULL,
  process TEXT NOT NULL,
  amount  INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (root, process)
) STRICT, WITHOUT ROWID;

-- Processes that have something on lease, have claims under way, or serve.
CREATE TABLE processes (
  name TEXT PRIMARY KEY,
  beat INTEGER NOT NULL -- when it last said that it serves; 0: never
) STRICT, WITHOUT ROWID;

-- What processes lack and others may have on lease.
CREATE TABLE wants (
  kind    INTEGER NOT NULL, -- 1 project, 2 allowance
  id      INTEGER NOT NULL,
  process TEXT NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (kind, id, process)
) STRICT, WITHOUT ROWID;

CREATE TABLE prices (
  task   TEXT NOT NULL,
  since  INTEGER NOT NULL,
  prompt INTEGER NOT NULL,
  output INTEGER NOT NULL,
  PRIMARY KEY (task, since)
) STRICT, WITHOUT ROWID;

-- Requests with an idempotency key.
CREATE TABLE claims (
  id           INTEGER PRIMARY KEY,
  key          INTEGER NOT NULL,
  name         TEXT NOT NULL,
  hash         BLOB NOT NULL,
  request      TEXT NOT NULL,
  at           INTEGER NOT NULL,
  expires      INTEGER NOT NULL,
  process      TEXT NOT NULL,    -- under way there; '' once answered
  dropped      INTEGER NOT NULL DEFAULT 0,
  status       INTEGER NOT NULL DEFAULT 0,
  content_type TEXT NOT NULL DEFAULT '',
  body         BLOB NOT NULL DEFAULT x'',
  UNIQUE (key, name)
) STRICT;
CREATE INDEX claims_expires ON claims (expires);
CREATE INDEX claims_under_way ON claims (process) WHERE process <> '';

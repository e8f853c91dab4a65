-- What the mechanism remembers of each contender, as of the end of a period.
CREATE TABLE states (
  mechanism TEXT NOT NULL,
  miner     BLOB NOT NULL,
  task      TEXT NOT NULL,
  period    INTEGER NOT NULL,
  state     BLOB NOT NULL,
  PRIMARY KEY (mechanism, miner, task)
) STRICT, WITHOUT ROWID;

-- The period at whose end states took the check in; 0: none yet.
ALTER TABLE checks ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX checks_unfolded ON checks (at, sample) WHERE folded = 0;

-- What a contender offered, as JSON; '' of those before.
ALTER TABLE contenders ADD COLUMN offer TEXT NOT NULL DEFAULT '';

-- Instants at which all were asked at once.
CREATE TABLE beacons (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  period INTEGER NOT NULL,
  source TEXT NOT NULL,
  number INTEGER NOT NULL, -- of the source's value
  at     INTEGER NOT NULL,
  UNIQUE (source, number)
) STRICT;
CREATE INDEX beacons_period ON beacons (period);

-- What came of one contender at a beacon.
CREATE TABLE bursts (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  beacon    INTEGER NOT NULL,
  period    INTEGER NOT NULL,
  miner     BLOB NOT NULL,
  task      TEXT NOT NULL,
  asked     INTEGER NOT NULL,
  in_flight INTEGER NOT NULL,
  answers   BLOB NOT NULL, -- of each, as varints: units, nanoseconds
  UNIQUE (beacon, miner, task)
) STRICT;
CREATE INDEX bursts_period ON bursts (period, id);
CREATE INDEX bursts_pair ON bursts (miner, task, id);

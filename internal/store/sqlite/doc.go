// Package sqlite keeps a validator's state in one SQLite file, with a journal
// of outcomes beside it (see package journal) that takes a request's outcome
// in a few microseconds, whatever else the database is doing.
//
//	Record ─► journal ─► acknowledged          readers ◄── read pool (WAL snapshots)
//	             │ every 100 ms, or before a read        ▲
//	             └─► mover: one transaction ──► outcomes, samples, features,
//	                                            and the journal's position
//	everything else ─► BEGIN IMMEDIATE … COMMIT on the one writing connection
//
// Receipts come with outcomes, and are booked by the transaction that moves
// them, to the leases of the process that wrote the segment. A process that has
// something on lease keeps a file locked beside its segments; when it has ended
// and its segments are gone, whoever looks first returns its leases.
//
// Files: NAME (the database), NAME-wal and NAME-shm (SQLite's), and the
// directory NAME-outcomes (the journal). They belong together: copy or move
// all or none.
//
// Invariants: an acknowledged outcome is in the journal or in the database and
// is read exactly once, across crashes at any instant, since the transaction
// that holds a group's rows also holds the position behind it. Reads of this
// process see all that it recorded before; what another process recorded shows
// up when its mover has moved it, usually within 100 ms, and if that process
// has died, when another opens the database or looks for abandoned segments
// (every 10 s). Sequence numbers and IDs are never used twice. Only one
// transaction writes at a time, in this process (by a lock) and in all of them
// (by SQLite's).
//
// Migrations are numbered SQL files, each run in a transaction. A database
// with a number that this program does not know is refused.
//
// docs/decisions tells what survives a power cut, and what each choice costs.
package sqlite

// Package journal makes small records durable cheaply: they are appended to a
// file in groups, one write a group, and moved into a database later, in
// larger groups, exactly once.
//
//	Append ──group──► segment (one write) ──► acknowledged
//	                     │ Read from a position
//	                     ▼
//	             the mover's transaction: the records, and the new position
//	                     │ all moved and sealed
//	                     ▼
//	                  Remove
//
// A directory holds any number of segments. A segment belongs to the process
// that created it, shown by a lock that the system drops when the process
// ends, however it ends. Adopt takes over segments without an owner. A process
// with more at stake than records announces itself by a locked file, NAME.process;
// others learn from it, and from what is left of its segments, that it has Ended.
//
// Invariants: Append returns nil only after its record is in the file, in
// front of which every other byte is valid; an error means that the record is
// not in the journal, unless it wraps store.ErrUnknown; a segment's name is
// never used twice, so a position kept under a name stays true; records of one
// segment are read in the order in which they were written. What an
// interrupted write left behind the last valid record was never acknowledged,
// and is dropped by whoever adopts the segment.
//
// Format of a segment: a 16-byte header ("vision journal1\n"), then records,
// each of 4 bytes length (little-endian, at least 1), 4 bytes CRC-32C of the
// payload, and the payload.
package journal

package task

// Prefixed is a Request whose answer comes sooner from a model server that has
// lately served another with the same beginning: it still holds what it worked
// out for it. Kinds whose servers keep nothing have none.
type Prefixed interface {
	// Prefix is the beginning that the turns of one conversation share, and
	// the conversations of one program if its instructions are long: of a
	// chat the messages up to the end of the first that is the user's, of a
	// completion the prompt; at most MaxPrefix bytes, in the canonical form of
	// payloads. It must not be changed; empty is none.
	Prefix() []byte
}

// MaxPrefix bounds prefixes, in bytes.
const MaxPrefix = 4 << 10

// PrefixOf is a request's prefix; nil for kinds that have none.
func PrefixOf(r Request) []byte {
	if p, ok := r.(Prefixed); ok {
		return p.Prefix()
	}
	return nil
}

// Prefix implements Prefixed.
func (r *request) Prefix() []byte {
	if r.head[1] <= r.head[0] {
		return nil
	}
	return r.payload[r.head[0]:min(r.head[1], r.head[0]+MaxPrefix, len(r.payload))]
}

package responses

import (
	"bytes"
	"container/list"
	"strconv"
	"strings"
	"sync"
	"time"

	"vision/internal/openai"
)

// Recent remembers responses for a while, in memory alone: many clients refer
// to what they were answered rather than send it again.
//
// Each belongs to an owner, and no other owner gets to see it or can tell that
// it exists. What has not been used for the time that it keeps is forgotten, and
// before that what has gone unused longest, where there is no more room. No
// owner has more than a quarter of the room, so that none can push all others'
// out. It is safe for concurrent use.
type Recent struct {
	most, share, each int64         // bytes: of all, of an owner's, of one with its input
	keep              time.Duration // since its last use

	mu     sync.Mutex // guards what follows
	all    list.List  // *kept, the last used first
	owners map[int64]*ownedBy
	by     map[keptID]*kept
	bytes  int64
}

type keptID struct {
	owner int64
	id    string
}

// ownedBy are the responses of one owner.
type ownedBy struct {
	list  list.List // *kept, the last used first
	bytes int64
}

// kept is a response that is remembered. Its bytes are never written to again.
type kept struct {
	keptID
	object []byte
	output [][]byte // the items, within object
	input  []byte   // the items before them, with commas between; nil: too large to be kept
	size   int64
	used   time.Time
	in     *list.Element // of Recent.all
	own    *list.Element // of ownedBy.list
}

// What is counted for a response, and for each item of it, beside its bytes.
const (
	keptOverhead = 512
	itemOverhead = 32
)

// NewRecent makes one that holds so many bytes, and a response for so long after
// its last use.
func NewRecent(most int64, keep time.Duration) *Recent {
	return &Recent{most: most, share: most / 4, each: most / 16, keep: keep, owners: map[int64]*ownedBy{}, by: map[keptID]*kept{}}
}

// put remembers a response. One that is larger than a sixteenth of all room is
// remembered without what it answered, or not at all.
func (r *Recent) put(owner int64, id string, object, input []byte, now time.Time) {
	k := &kept{keptID: keptID{owner, id}, object: object, input: input, used: now}
	for name, v := range openai.AnswerMembers(object) {
		if name == "output" {
			for e := range openai.Elements(v) {
				k.output = append(k.output, e)
			}
		}
	}
	k.size = keptOverhead + int64(len(id)+len(object)+itemOverhead*len(k.output))
	if k.size > r.each {
		return
	}
	if n := int64(len(input)); k.size+n <= r.each {
		k.size += n
	} else {
		k.input = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	if old := r.by[k.keptID]; old != nil {
		r.forget(old)
	}
	o := r.owners[owner]
	for o != nil && o.bytes+k.size > r.share {
		r.forget(o.list.Back().Value.(*kept))
		o = r.owners[owner]
	}
	for r.bytes+k.size > r.most {
		r.forget(r.all.Back().Value.(*kept))
	}
	if o = r.owners[owner]; o == nil {
		o = new(ownedBy)
		r.owners[owner] = o
	}
	k.in, k.own = r.all.PushFront(k), o.list.PushFront(k)
	o.bytes += k.size
	r.bytes += k.size
	r.by[k.keptID] = k
}

// forget drops a response. The caller holds mu.
func (r *Recent) forget(k *kept) {
	o := r.owners[k.owner]
	r.all.Remove(k.in)
	o.list.Remove(k.own)
	o.bytes -= k.size
	r.bytes -= k.size
	if o.list.Len() == 0 {
		delete(r.owners, k.owner)
	}
	delete(r.by, k.keptID)
}

// expire forgets what has gone unused too long. The caller holds mu.
func (r *Recent) expire(now time.Time) {
	for e := r.all.Back(); e != nil; e = r.all.Back() {
		k := e.Value.(*kept)
		if now.Sub(k.used) < r.keep {
			return
		}
		r.forget(k)
	}
}

// Expire forgets what has gone unused too long.
func (r *Recent) Expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
}

// Len is how many responses are remembered.
func (r *Recent) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Len()
}

// find finds a response, and notes that it was used; nil if there is none.
func (r *Recent) find(owner int64, id string, now time.Time) *kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	k := r.by[keptID{owner, id}]
	if k != nil {
		if now.After(k.used) {
			k.used = now
		}
		r.all.MoveToFront(k.in)
		r.owners[owner].list.MoveToFront(k.own)
	}
	return k
}

// Get gives a response of an owner's as it was answered; nil if it is not known.
func (r *Recent) Get(owner int64, id string, now time.Time) []byte {
	if k := r.find(owner, id, now); k != nil {
		return k.object
	}
	return nil
}

// Delete forgets a response of an owner's, and says whether it was known.
func (r *Recent) Delete(owner int64, id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	k := r.by[keptID{owner, id}]
	if k != nil {
		r.forget(k)
	}
	return k != nil
}

// item finds an item of output by its id, which names its response.
func (r *Recent) item(owner int64, id string, now time.Time) []byte {
	first, last := strings.IndexByte(id, '_'), strings.LastIndexByte(id, '_')
	if first == last {
		return nil
	}
	n, err := strconv.Atoi(id[last+1:])
	if err != nil {
		return nil
	}
	k := r.find(owner, idOf(id[first+1:last]), now)
	if k == nil || n < 0 || n >= len(k.output) || !bytes.HasPrefix(k.output[n], []byte(`{"id":"`+id+`"`)) {
		return nil
	}
	return k.output[n]
}

// idOf is the id of the response to a request.
func idOf(request string) string { return "resp_" + request }

// Codes of errors that say that something is not remembered.
const (
	NoPrevious = "previous_response_not_found"
	NoItem     = "item_not_found"
)

// Past is what a request may refer to. The zero Past is nothing.
type Past struct {
	Recent *Recent // nil: nothing is remembered
	Owner  int64   // who asks
	Now    time.Time
	Most   int // bytes of what is remembered that one request may repeat
}

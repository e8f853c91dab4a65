package refmodel

import "sync"

// weightsKey is the part of a Variant that decides weights.
type weightsKey struct {
	bits    int
	sibling bool
}

// cache keeps what was built of weights, for ever. Each is built once, at the
// first call that wants it; others that want it meanwhile wait.
type cache[T any] struct{ built sync.Map } // weightsKey -> func() *T

func (c *cache[T]) get(k weightsKey, build func(weightsKey) *T) *T {
	f, ok := c.built.Load(k)
	if !ok {
		f, _ = c.built.LoadOrStore(k, sync.OnceValue(func() *T { return build(k) }))
	}
	return f.(func() *T)()
}

// valid panics if what a caller was to check has not been checked.
func (v Variant) valid(who string) {
	if err := v.Validate(); err != nil {
		panic("refmodel." + who + ": " + err.Error())
	}
}

// key is the weights of a variant.
func (v Variant) key() weightsKey { return weightsKey{v.Bits, v.Sibling} }

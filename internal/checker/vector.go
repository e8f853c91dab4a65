package checker

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"slices"

	"vision/internal/checker/likeness"
	"vision/internal/openai"
	"vision/internal/picture"
)

// vectorQuery is a request for vectors.
type vectorQuery struct {
	inputs  []vectorInput
	payload []byte
}

// vectorInput is a text or a picture.
type vectorInput struct {
	text    string
	picture *image.RGBA
	raw     json.RawMessage // as the miner was sent it
}

func (q *vectorQuery) raw() []json.RawMessage {
	var list []json.RawMessage
	for _, in := range q.inputs {
		list = append(list, in.raw)
	}
	return list
}

// mostVectors is how many vectors of an answer are made again. Of more a
// secret draw chooses, so that each may be among them.
const mostVectors = 32

// normSlack is how far the lengths may differ, relative.
const normSlack = 0.01

// vectorView is how a miner's vectors compare with the reference's.
type vectorView struct {
	found  likeness.Response
	made   int // vectors of the answer
	lowest float64
	as     likeness.Measure
}

// judgeVectors makes the vectors again and weighs how far the miner's are from them.
// Each counts: a bound that honest vectors stay below is one for each of them.
func judgeVectors(ctx context.Context, ref Reference, s *sample) (verdict, error) {
	v, guilt, err := compareVectors(ctx, ref, s)
	switch {
	case err != nil:
		return verdict{}, err
	case guilt != nil:
		return *guilt, nil
	}
	e := s.alike.E(&v.found)
	out := verdict{quality: quality(e), test: "recompute", e: e,
		detail: fmt.Sprintf("%d of %d vectors; lowest cosine %.6f, as of %s", len(v.found.Items), v.made, v.lowest, v.as)}
	if out.quality > 0 {
		out.work = int64(v.made)
	}
	return out, nil
}

// compareVectors says how a miner's vectors compare with the reference's, or of
// what it is guilty without comparison.
func compareVectors(ctx context.Context, ref Reference, s *sample) (*vectorView, *verdict, error) {
	q, err := readVectorQuery(s.request)
	if err != nil {
		return nil, nil, err
	}
	if !ref.Proves().Vectors {
		return nil, nil, notCheckable("the reference makes no vectors")
	}
	theirs, err := openai.Vectors(s.response, len(q.inputs))
	if err != nil {
		v := guilty("malformed", "%v", err)
		return nil, &v, nil
	}
	chosen := s.choose(len(q.inputs))
	ask := &vectorQuery{payload: q.payload}
	for _, i := range chosen {
		ask.inputs = append(ask.inputs, q.inputs[i])
	}
	ours, err := ref.Vectors(ctx, ask)
	if err != nil {
		return nil, nil, fmt.Errorf("make the vectors again: %w", err)
	}
	if len(ours) != len(chosen) {
		return nil, nil, fmt.Errorf("the reference made %d vectors, want %d", len(ours), len(chosen))
	}
	view := &vectorView{made: len(q.inputs), lowest: 1, as: likeness.VectorMeasure(s.task.Model.Quantisation)}
	for k, i := range chosen {
		if !hasLength(ours[k]) {
			return nil, nil, unreadable(fmt.Errorf("vector %d has no length", k), "vectors")
		}
		c, ok := alike(ours[k], theirs[i])
		if !ok { // of another length or size: as unlike as can be, but the reference may be set up wrongly
			c = 0
		}
		view.lowest = min(view.lowest, c)
		view.found.Items = append(view.found.Items, map[likeness.Measure]float64{view.as: 1 - c})
	}
	return view, nil, nil
}

// hasLength says whether a vector of the reference's can be compared with.
func hasLength(v []float32) bool {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum > 0 && !math.IsInf(sum, 0)
}

// alike is the cosine, and false for vectors of another length or norm.
func alike(own, their []float32) (cosine float64, ok bool) {
	if len(own) != len(their) || len(own) == 0 {
		return 0, false
	}
	var dot, a, b float64
	for i := range own {
		x, y := float64(own[i]), float64(their[i])
		dot += x * y
		a += x * x
		b += y * y
	}
	if !(a > 0) || !(b > 0) || math.IsInf(b, 0) || math.Abs(math.Sqrt(b/a)-1) > normSlack {
		return 0, false
	}
	return dot / math.Sqrt(a) / math.Sqrt(b), true
}

// choose draws which of n items are made again, by the secret salt.
func (s *sample) choose(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	if n <= mostVectors {
		return all
	}
	mac := hmac.New(sha256.New, s.salt)
	mac.Write([]byte(s.outcome.Request))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(s.id)))
	var seed [32]byte
	mac.Sum(seed[:0])
	rand.New(rand.NewChaCha8(seed)).Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:mostVectors]
	slices.Sort(all)
	return all
}

func readVectorQuery(payload []byte) (*vectorQuery, error) {
	members, err := openai.Members(payload)
	if err != nil {
		return nil, badSample("its request is not one of ours: %v", err)
	}
	q := &vectorQuery{payload: payload}
	for _, m := range members {
		switch m.Name {
		case "input":
			for e := range openai.Elements(m.Value) {
				in, err := readVectorInput(e)
				if err != nil {
					return nil, notCheckable("its input is not a list of texts and pictures")
				}
				q.inputs = append(q.inputs, in)
			}
		case "model", "encoding_format":
		default:
			return nil, notCheckable("its field %s changes what a model makes of it", m.Name)
		}
	}
	if len(q.inputs) == 0 {
		return nil, badSample("its request has no input")
	}
	return q, nil
}

func readVectorInput(v []byte) (in vectorInput, err error) {
	in.raw = v
	if openai.IsString(v) {
		in.text, err = openai.Text(v, "input")
		return in, err
	}
	members, err := openai.ObjectMembers(v, "input")
	if err != nil {
		return in, err
	}
	for _, m := range members {
		if m.Name != "image" {
			return in, notCheckable("its input has a member %s", m.Name)
		}
		img, err := readGiven(m.Value, m.Name)
		if err != nil {
			return in, err
		}
		in.picture = picture.Opaque(img)
	}
	if in.picture == nil {
		return in, notCheckable("its input holds nothing")
	}
	return in, nil
}

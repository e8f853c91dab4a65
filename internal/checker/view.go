package checker

import (
	"context"
	"fmt"
	"image"
	"math"
	"strings"

	"vision/internal/checker/likeness"
	"vision/internal/picture"
	"vision/internal/task"
)

// look is what is kept of a picture to be compared.
type look struct {
	small        *picture.Thumbnail
	dhash, phash picture.Hash
	whole        image.Image // if it is compared pixel by pixel
	shown        *image.RGBA // if networks look at it
}

// view is what is kept of a miner's pictures to be compared with the
// reference's, and how they compare.
type view struct {
	q       *imageQuery
	eyes    *eyes
	theirs  []look
	given   *picture.Thumbnail // of what they were made from, where that tells something
	part    float64            // of the picture that is painted, above 0 to 1
	spoiled int                // pixels that were not to be painted and were

	found  likeness.Response
	unsafe int // pictures that a classifier finds unsafe, and the reference's safe
}

func (q *imageQuery) view(eyes *eyes) *view {
	v := &view{q: q, eyes: eyes, part: 1}
	switch q.kind.(type) {
	case task.Inpaint:
		v.given, v.part = picture.Shrink(q.given), painted(q.mask)
	case task.ImageToImage:
		v.given = picture.Shrink(q.given)
	}
	return v
}

func (v *view) look(img image.Image) look {
	l := look{small: picture.Shrink(img), dhash: picture.DHash(img), phash: picture.PHash(img)}
	if _, ok := v.q.kind.(task.Upscale); ok {
		l.whole = img
	}
	if v.eyes.look() {
		l.shown = shown(img)
	}
	return l
}

// take keeps what is needed of the next of a miner's pictures.
func (v *view) take(img image.Image) {
	v.theirs = append(v.theirs, v.look(img))
	if _, ok := v.q.kind.(task.Inpaint); ok {
		v.spoiled += spoiled(v.q.given, v.q.mask, img)
	}
}

// compare says how a miner's pictures deviate from the reference's.
func (v *view) compare(ctx context.Context, ours []image.Image) error {
	var a, b []*image.RGBA
	for i, img := range ours {
		own := v.look(img)
		v.found.Items = append(v.found.Items, v.deviations(&own, &v.theirs[i]))
		a, b = append(a, own.shown), append(b, v.theirs[i].shown)
	}
	if v.eyes == nil {
		return nil
	}
	if v.eyes.clip != nil {
		cosines, err := v.eyes.alike(ctx, a, b)
		if err != nil {
			return err
		}
		for i, c := range cosines {
			v.found.Items[i][likeness.CLIP] = 1 - c
		}
	}
	for i := range a {
		if v.eyes.nsfw == nil {
			break
		}
		unsafe, err := v.eyes.unsafeBeside(ctx, a[i], b[i])
		if err != nil {
			return err
		}
		v.found.Items[i][likeness.Unsafe] = 0
		if unsafe {
			v.found.Items[i][likeness.Unsafe] = 1
			v.unsafe++
		}
	}
	return nil
}

func (v *view) deviations(own, their *look) map[likeness.Measure]float64 {
	// Of a picture that is painted in part, only that part can differ.
	out := map[likeness.Measure]float64{likeness.PSNR: -picture.Decibels(own.small.Apart(their.small) / v.part)}
	if own.whole == nil { // shapes are given where a picture is enlarged
		out[likeness.DHash] = float64(own.dhash.Apart(their.dhash))
		out[likeness.PHash] = float64(own.phash.Apart(their.phash))
	}
	if v.given != nil {
		wrong, changed := change(v.given, own.small, their.small)
		out[likeness.Change] = wrong / changed
	}
	if own.whole != nil {
		wrong, added := detail(picture.Enlarge(v.q.given, v.q.width/v.q.given.Rect.Dx()), own.whole, their.whole)
		out[likeness.Detail] = wrong / added
	}
	return out
}

// beside says how a miner's pictures lie between the reference's and an alternative's.
func (v *view) beside(name string, ours, others []image.Image) {
	o := likeness.Other{Name: name}
	for i := range ours {
		own, other := picture.Shrink(ours[i]), picture.Shrink(others[i])
		o.Ways = append(o.Ways, likeness.Way{At: v.theirs[i].small.Towards(own, other), Apart: own.Apart(other) / v.part})
	}
	v.found.Others = append(v.found.Others, o)
}

// detail is for people.
func (v *view) detail() string {
	worst := map[likeness.Measure]float64{}
	for _, item := range v.found.Items {
		for m, d := range item {
			if w, ok := worst[m]; !ok || d > w {
				worst[m] = d
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d pictures; worst %.1f dB at low resolution", v.q.n, -worst[likeness.PSNR])
	if d, ok := worst[likeness.PHash]; ok {
		fmt.Fprintf(&b, ", %.0f of 64 bits of pHash and %.0f of dHash differ", d, worst[likeness.DHash])
	}
	for _, m := range []likeness.Measure{likeness.Change, likeness.Detail} {
		if d, ok := worst[m]; ok {
			fmt.Fprintf(&b, "; wrong by %.3f of what was changed", math.Min(d, 99))
		}
	}
	if d, ok := worst[likeness.CLIP]; ok {
		fmt.Fprintf(&b, "; cosine of embeddings %.4f", 1-d)
	}
	if v.unsafe > 0 {
		fmt.Fprintf(&b, "; %d unsafe where the reference's are not", v.unsafe)
	}
	for _, o := range v.found.Others {
		mean := 0.0
		for _, w := range o.Ways {
			mean += w.At / float64(len(o.Ways))
		}
		fmt.Fprintf(&b, "; %.0f%% of the way to %s", 100*max(-9, min(9, mean)), o.Name)
	}
	return b.String()
}

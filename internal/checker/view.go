package checker

import (
	"fmt"
	"image"
	"math"

	"vision/internal/picture"
	"vision/internal/task"
)

// view is what is kept of a miner's pictures to be compared with the
// reference's, and how they compare.
type view struct {
	q       *imageQuery
	small   []*thumbnail  // of each
	whole   []image.Image // of those that are compared pixel by pixel
	given   *thumbnail    // of what they were made from, where that tells something
	spoiled int           // pixels that were not to be painted and were

	worst float64 // dB
	bits  int     // gradients that differ
	ratio float64 // of what is wrong to what was changed
}

func (q *imageQuery) view() *view {
	v := &view{q: q, worst: 99}
	switch q.kind.(type) {
	case task.ImageToImage, task.Inpaint:
		v.given = shrink(q.given)
	}
	return v
}

// take keeps what is needed of the next of a miner's pictures.
func (v *view) take(img image.Image) {
	v.small = append(v.small, shrink(img))
	switch v.q.kind.(type) {
	case task.Inpaint:
		v.spoiled += spoiled(v.q.given, v.q.mask, img)
	case task.Upscale:
		v.whole = append(v.whole, img)
	}
}

// compare gives the quality of picture i beside the reference's.
func (v *view) compare(i int, img image.Image) float64 {
	own, their := shrink(img), v.small[i]
	db, bits := own.psnr(their), own.distance(their)
	quality, ratio := 1.0, 0.0
	switch v.q.kind.(type) {
	case task.ImageToImage:
		wrong, changed := change(v.given, own, their)
		ratio = wrong / changed
		quality = changeQuality(ratio)
	case task.Inpaint:
		part := painted(v.q.mask)
		wrong, changed := change(v.given, own, their)
		db, ratio = focused(db, part), wrong/changed
		quality = changeQuality(ratio)
	case task.Upscale:
		wrong, added := detail(picture.Enlarge(v.q.given, v.q.width/v.q.given.Rect.Dx()), img, v.whole[i])
		ratio = wrong / added
		quality = detailQuality(ratio)
	}
	v.worst, v.bits, v.ratio = min(v.worst, db), max(v.bits, bits), max(v.ratio, ratio)
	return min(quality, pictureQuality(db, bits))
}

func (v *view) detail() string {
	text := fmt.Sprintf("%d pictures; worst %.1f dB at low resolution, %d of 64 gradients differ", v.q.n, v.worst, v.bits)
	if v.given != nil || v.whole != nil {
		text += fmt.Sprintf("; wrong by %.3f of what was changed", math.Min(v.ratio, 99))
	}
	return text
}

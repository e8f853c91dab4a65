package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vision/internal/checker/calibration"
	"vision/internal/checker/likeness"
	"vision/internal/judgement"
	"vision/internal/modelserver"
	"vision/internal/picture"
	"vision/internal/proto"
	"vision/internal/refmodel"
	"vision/internal/task"
)

// class is a way to answer the i-th request of a kind.
type class struct {
	name   string
	answer func(t testing.TB, i int) proto.CheckRequest
	want   [2]float64 // of the mean quality, least and most
}

var (
	passes = [2]float64{0.97, 1}
	fails  = [2]float64{0, 0.05}
	either = [2]float64{0, 1}
)

func stepsOf(n int) func(*modelserver.Config) {
	return func(c *modelserver.Config) { c.MaxImageSteps = n }
}

// paints answers requests for pictures of a prompt.
func paints(name string, v refmodel.Variant, steps int, want [2]float64) class {
	h := stack(v, stepsOf(steps))
	return class{name, func(t testing.TB, i int) proto.CheckRequest {
		return serve(t, h, imageTask, uint64(5000+i), fmt.Sprintf(scene, i, 1))
	}, want}
}

// instead answers a request with what another one gets.
func instead(name string, seed, scenes int, want [2]float64) class {
	h := stack(refmodel.Full)
	return class{name, func(t testing.TB, i int) proto.CheckRequest {
		s := serve(t, h, imageTask, uint64(5000+i), fmt.Sprintf(scene, i, 1))
		s.Sample.Response = serve(t, h, imageTask, uint64(5000+i+seed), fmt.Sprintf(scene, i+scenes, 1)).Sample.Response
		return s
	}, want}
}

func pictureClasses() []class {
	h := stack(refmodel.Full)
	return []class{
		paints("honest", refmodel.Full, 0, passes),
		paints("honest, noise 0.001", refmodel.Full.Noisy(0.001, 4), 0, passes),
		paints("honest, noise 0.002", refmodel.Full.Noisy(0.002, 8), 0, passes),
		paints("honest, noise 0.005", refmodel.Full.Noisy(0.005, 9), 0, passes),
		{"honest, JPEG of quality 85", func(t testing.TB, i int) proto.CheckRequest {
			return recode(t, serve(t, h, imageTask, uint64(5000+i), fmt.Sprintf(scene, i, 1)), func(m image.Image) []byte {
				var b bytes.Buffer
				if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 85}); err != nil {
					t.Fatal(err)
				}
				return b.Bytes()
			})
		}, passes},
		paints("8 bits", refmodel.Bits(8), 0, either),
		paints("4 bits", refmodel.Bits(4), 0, [2]float64{0, 0.7}),
		paints("2 bits", refmodel.Bits(2), 0, fails),
		paints("19 of 20 steps", refmodel.Full, 19, either),
		paints("18 of 20 steps", refmodel.Full, 18, either),
		paints("15 of 20 steps", refmodel.Full, 15, fails),
		paints("10 of 20 steps", refmodel.Full, 10, fails),
		paints("another model", refmodel.Sibling, 0, fails),
		instead("another seed", 1000, 0, fails),
		instead("another prompt's picture", 0, 500, fails),
	}
}

// remakes answers made-up requests that hold pictures.
func remakes(kind, name string, v refmodel.Variant, steps int, want [2]float64) class {
	return class{kind + ": " + name, func(t testing.TB, i int) proto.CheckRequest { return probe(t, v, stepsOf(steps), kind, i) }, want}
}

func givenClasses() (list []class) {
	for _, kind := range []string{"image-to-image", "inpaint", "upscale", "avatar"} {
		list = append(list,
			remakes(kind, "honest", refmodel.Full, 0, passes),
			remakes(kind, "honest, noise 0.001", refmodel.Full.Noisy(0.001, 4), 0, passes),
			remakes(kind, "4 bits", refmodel.Bits(4), 0, either),
			remakes(kind, "2 bits", refmodel.Bits(2), 0, [2]float64{0, 0.6}),
			remakes(kind, "another model", refmodel.Sibling, 0, [2]float64{0, 0.1}))
		if kind != "upscale" {
			list = append(list, remakes(kind, "10 of 20 steps", refmodel.Full, 10, either), remakes(kind, "5 of 20 steps", refmodel.Full, 5, [2]float64{0, 0.5}))
		}
		if kind != "avatar" {
			list = append(list, class{kind + ": what was given", returned(kind), [2]float64{0, 0.05}})
		}
	}
	return list
}

// returned answers with the given picture itself, brought to size.
func returned(kind string) func(t testing.TB, i int) proto.CheckRequest {
	return func(t testing.TB, i int) proto.CheckRequest {
		tk, req := madeUp(kind, i)
		sent := req.Payload(uint64(i))
		k, _ := task.KindNamed(kind)
		q, err := readImageQuery(k, sent)
		if err != nil {
			t.Fatal(err)
		}
		img := q.given
		if kind == "upscale" {
			img = picture.Enlarge(img, q.width/img.Rect.Dx())
		}
		return answerWith(sampleOf(tk, req, sent, nil), img)
	}
}

// embeds answers requests for n vectors.
func embeds(name string, v refmodel.Variant, n int, want [2]float64) class {
	h := stack(v)
	return class{fmt.Sprintf("%s, %d", name, n), func(t testing.TB, i int) proto.CheckRequest {
		return serve(t, h, embedTask, 0, textsOf(i, n, 1))
	}, want}
}

// textsOf are n different texts; of each the given part.
func textsOf(i, n int, part float64) string {
	var texts []string
	for k := range n {
		var req struct {
			Messages []struct{ Content string }
		}
		_ = json.Unmarshal([]byte(chatBody(i*64+k, 0, "")), &req)
		text := req.Messages[0].Content
		texts = append(texts, text[:max(1, int(part*float64(len(text))))])
	}
	raw, _ := json.Marshal(map[string]any{"input": texts})
	return string(raw)
}

func vectorClasses() (list []class) {
	h := stack(refmodel.Full)
	for _, n := range []int{1, 8, 32} {
		list = append(list,
			embeds("honest", refmodel.Full, n, passes),
			embeds("16 bits", refmodel.Bits(16), n, passes),
			embeds("honest, noise 0.001", refmodel.Full.Noisy(0.001, 4), n, passes),
			embeds("8 bits", refmodel.Bits(8), n, [2]float64{0, 0.3}),
			embeds("4 bits", refmodel.Bits(4), n, fails),
			embeds("another model", refmodel.Sibling, n, fails),
			class{fmt.Sprintf("the first 80%% of each text, %d", n), func(t testing.TB, i int) proto.CheckRequest {
				s := serve(t, h, embedTask, 0, textsOf(i, n, 1))
				s.Sample.Response = serve(t, h, embedTask, 0, textsOf(i, n, 0.8)).Sample.Response
				return s
			}, [2]float64{0, 0.3}})
	}
	return append(list, class{"one of 32 of 8 bits", func(t testing.TB, i int) proto.CheckRequest {
		s := serve(t, h, embedTask, 0, textsOf(i, 32, 1))
		var good, bad struct{ Data []json.RawMessage }
		_ = json.Unmarshal(s.Sample.Response, &good)
		_ = json.Unmarshal(serve(t, stack(refmodel.Bits(8)), embedTask, 0, textsOf(i, 32, 1)).Sample.Response, &bad)
		good.Data[i%32] = bad.Data[i%32]
		s.Sample.Response, _ = json.Marshal(map[string]any{"data": good.Data})
		return s
	}, either})
}

// toConvict is how many responses convict a miner, with evidence drawn from what was
// measured: the median and the 99th percentile of 400 miners; 0 for more than 2,000.
func toConvict(es []float64) (median, most int) {
	r := rand.New(rand.NewPCG(9, uint64(len(es))))
	rules := judgement.Default()
	var needed []int
	for range 400 {
		var s judgement.State
		n := 0
		for n < 2000 && s.Standing != judgement.Convicted {
			s, _ = rules.Observe(s, es[r.IntN(len(es))])
			n++
		}
		if s.Standing != judgement.Convicted {
			n = math.MaxInt
		}
		needed = append(needed, n)
	}
	slices.Sort(needed)
	cap := func(n int) int {
		if n == math.MaxInt {
			return 0
		}
		return n
	}
	return cap(needed[200]), cap(needed[396])
}

func count(n int) string {
	if n == 0 {
		return "more than 2,000"
	}
	return fmt.Sprint(n)
}

// TestPowerOfLikeness is the tables of docs/verification.md's section "Images,
// embeddings": the honest keep their quality and their evidence has a mean of at most 1;
// cheats lose it. VISION_LIKENESS_ANSWERS=100 measures with as many answers of each
// class, and with a calibration on 10 times as many; the usual number is for speed.
func TestPowerOfLikeness(t *testing.T) {
	t.Parallel()
	n, calibrated := 2, false
	if s := os.Getenv("VISION_LIKENESS_ANSWERS"); s != "" {
		n, _ = strconv.Atoi(s)
		calibrated = true
	}
	c := newChecker(t)
	var table strings.Builder
	for _, classes := range [][]class{pictureClasses(), givenClasses(), vectorClasses()} {
		var measured likeness.Bounds
		if calibrated {
			measured = calibrate(t, c, classes, 10*n)
		}
		table.WriteString("\n")
		for _, cl := range classes {
			honest := strings.Contains(cl.name, "honest") || strings.HasPrefix(cl.name, "16 bits")
			if !calibrated && cl.want == either {
				continue // it is only for the table
			}
			m := n
			if strings.Contains(cl.name, ": ") {
				m = min(n, 40) // requests that hold pictures take long to make up
			}
			var es, tight []float64
			mean, low, meanE := 0.0, 0.0, 0.0
			for i := range m {
				s := cl.answer(t, i)
				r := judgeIt(t, c, s)
				es = append(es, r.E)
				mean += r.Quality / float64(m)
				meanE += r.E / float64(m)
				if r.Quality < 0.5 {
					low += 1 / float64(m)
				}
				if calibrated {
					found, err := c.MeasureLikeness(t.Context(), s)
					if err != nil {
						t.Fatalf("%s: %v", cl.name, err)
					}
					tight = append(tight, measured.E(found))
				}
			}
			if mean < cl.want[0]-1e-9 || mean > cl.want[1]+1e-9 || honest && meanE > 1 {
				t.Errorf("%s: mean quality %.3f, want %v; mean evidence %.2g", cl.name, mean, cl.want, meanE)
			}
			median, most := toConvict(es)
			fmt.Fprintf(&table, "| %s | %.3f (%.0f%%) | %.2g | %s | %s |", cl.name, mean, 100*low, meanE, count(median), count(most))
			if calibrated {
				median, most = toConvict(tight)
				fmt.Fprintf(&table, " %s | %s |", count(median), count(most))
			}
			table.WriteString("\n")
		}
	}
	t.Log(table.String())
}

// calibrate counts honest stacks of classes: those with noise, with requests that the table does not use.
func calibrate(t *testing.T, c *Checker, classes []class, n int) likeness.Bounds {
	var stacks []calibration.Counts
	for _, cl := range classes {
		if !strings.HasSuffix(cl.name, "noise 0.001") && !strings.HasSuffix(cl.name, "noise 0.002") && !strings.HasSuffix(cl.name, "noise 0.001, 32") {
			continue
		}
		if strings.Contains(cl.name, ": ") {
			continue // too dear to make up
		}
		counts := calibration.Counts{Name: cl.name}
		for i := range n {
			found, err := c.MeasureLikeness(t.Context(), cl.answer(t, 100_000+i))
			if err != nil {
				t.Fatal(err)
			}
			counts.AddLikeness(found)
		}
		stacks = append(stacks, counts)
	}
	f := calibration.File{Stacks: stacks}
	return f.Alike()
}

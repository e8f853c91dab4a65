package eval

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"vision/internal/checker/evidence"
)

func TestRecordingsSurviveBeingWritten(t *testing.T) {
	claimed := -0.25
	want := []*Response{
		{Label: "honest", Prompt: "p1", Temperature: 0.7, TopP: 0.9, MaxTokens: 3, Finish: "stop", IDs: true, Positions: []evidence.Position{
			{Token: 7, Best: true, Rank: 1, Gap: 0.5, Logprob: -0.2, Claimed: &claimed, Entropy: 1, Variance: 2, Own: -0.3,
				Top: []evidence.Listed{{Token: 7, Logprob: -0.2}}, Contrast: []float64{0.1, -1}, Flatter: []float64{0, 1}, End: 0.01, HasEnd: true},
			{Token: 2, Deficit: 1, Ends: true, HasEnd: true, Margin: 0.1, Miss: 0.2, Share: 0.3, Drawn: true},
		}},
		{Label: "malformed stream", Prompt: "p2", Guilt: "malformed"},
		{Label: "replayed", Prompt: "p3", Replay: &evidence.Replay{Same: 12, Parted: true}},
	}
	var b bytes.Buffer
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
	for _, bad := range []string{`{"label":"x"}`, `{"label":"x","prompt":"y"}`, `{"label":"x","prompt":"y","guilt":"z","position":[]}`, `{"label":`,
		`{"label":"x","prompt":"y","positions":[{"token":1,"top":[{"token":1,"logprob":-1}],"others":[[-1,-2]]}]}`} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("read %s", bad)
		}
	}
}

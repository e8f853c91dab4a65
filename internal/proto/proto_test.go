package proto

import (
	"math"
	"testing"
)

func TestMaxStream(t *testing.T) {
	for _, tt := range []struct{ prompt, output, want int64 }{
		{0, 0, 64 << 10},
		{100, 1, 64<<10 + 800 + 4<<10},
		{1000, 1024, 64<<10 + 8000 + 4<<20},
		{0, 8192, MaxResponse},
		{math.MaxInt64, math.MaxInt64, MaxResponse},
	} {
		if got := MaxStream(tt.prompt, tt.output); got != tt.want {
			t.Errorf("MaxStream(%d, %d) = %d, want %d", tt.prompt, tt.output, got, tt.want)
		}
	}
}

package app

import (
	"context"
	"testing"
	"time"
)

func TestLingering(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	long, endLong := lingering(ctx, time.Hour)
	short, endShort := lingering(ctx, time.Millisecond)
	defer endShort()
	cancel()
	<-short.Done() // hangs where the delay has no end
	if long.Err() != nil {
		t.Errorf("cancelled with its parent: %v", long.Err())
	}
	endLong()
	<-long.Done()
}

func TestPace(t *testing.T) {
	var p pace
	for _, step := range []struct {
		n    int
		took time.Duration
		want int
	}{
		{32, 100 * time.Millisecond, 64},    // never more than twice as many
		{64, 2 * time.Second, 32},           // a second's worth
		{32, time.Minute, leastChunks},      // enough to sort by length
		{2, time.Millisecond, 32},           // a rest says little
		{32, 0, 64},                         // a clock too coarse
		{64, 64 * time.Millisecond, 128},    //
		{128, 128 * time.Millisecond, 256},  //
		{256, 256 * time.Millisecond, 512},  //
		{512, 512 * time.Millisecond, 1000}, //
		{1000, time.Millisecond, mostChunks},
	} {
		p.took(step.n, step.took)
		if p.chunks() != step.want {
			t.Fatalf("%d chunks in %v: next %d, want %d", step.n, step.took, p.chunks(), step.want)
		}
	}
}

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

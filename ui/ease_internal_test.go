package ui

import (
	"testing"
	"time"
)

// TestEase: the first news is shown at once, those that follow are shown together, and the last one is not lost.
func TestEase(t *testing.T) {
	posts := make(chan func(), 10)
	e := ease{every: 20 * time.Millisecond, post: func(f func()) { posts <- f }}
	shown, news := 0, 0
	begun := time.Now()
	for range 50 {
		news++
		e.run(func() { shown = news })
	}
	if shown != 1 && time.Since(begun) < e.every {
		t.Errorf("shown is %d, want the first news alone", shown)
	}
	for shown != news {
		select {
		case f := <-posts:
			f()
		case <-time.After(10 * time.Second):
			t.Fatalf("shown is %d of %d", shown, news)
		}
	}
	if time.Since(begun) < e.every {
		t.Error("the later news were shown without a pause")
	}
	select {
	case <-posts:
		t.Error("shown once more without news")
	case <-time.After(3 * e.every):
	}
}

// Package indextest opens libraries for tests, and checks them when the test ends.
package indextest

import (
	"context"
	"testing"

	"kakoi/index"
)

// Open opens the library in dir; at the end of the test it is verified and closed.
func Open(t testing.TB, dir string) *index.Index {
	t.Helper()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatalf("open library: %v", err)
	}
	t.Cleanup(func() { Close(t, x) })
	return x
}

// Close verifies and closes a library.
func Close(t testing.TB, x *index.Index) {
	t.Helper()
	problems, err := x.Verify(context.Background(), nil)
	if err != nil {
		t.Errorf("verify library: %v", err)
	}
	for _, p := range problems {
		t.Errorf("library: %v", p)
	}
	if err := x.Close(); err != nil {
		t.Errorf("close library: %v", err)
	}
}

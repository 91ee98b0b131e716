//go:build x11

package main

import (
	"os"
	"testing"
)

func TestStrictClosesTheBus(t *testing.T) {
	for _, c := range []struct {
		address, want string
		strict        bool
	}{
		{"unix:path=/tmp/some-bus", "unix:path=/tmp/some-bus", false},
		{"unix:path=/tmp/some-bus", noBus, true},
		{"", noBus, true},
	} {
		t.Setenv(busVariable, c.address)
		closeBus(c.strict)
		if got := os.Getenv(busVariable); got != c.want {
			t.Errorf("%q, strict %v: %q", c.address, c.strict, got)
		}
	}
}

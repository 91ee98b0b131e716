package app

import (
	"slices"
	"testing"

	"kakoi/app/record"
)

// TestShortOfRefusals: one button does not stop for a few refusals that could not be made, but for many.
func TestShortOfRefusals(t *testing.T) {
	for _, c := range []struct {
		made, short int
		want        bool
	}{{194, 0, false}, {271, 29, false}, {80, 20, false}, {79, 21, true}, {10, 40, true}, {0, 1, true}} {
		s := record.Dataset{Short: c.short, Counts: record.DatasetCounts{Rows: 600, Train: 500, Held: 100, Refusals: c.made}}
		warn(&s)
		if got := slices.Contains(s.Warnings, "dataset.warn.short"); got != c.want {
			t.Errorf("%d made, %d short: %v", c.made, c.short, s.Warnings)
		}
	}
}

//go:build torch

package torchtest

import (
	"testing"

	"kakoi/core/internal/torch"
)

// Setup makes t fail at its end if it left tensor handles behind. Cleanups registered after it run before
// the count. Tests that use it do not run in parallel.
func Setup(t testing.TB) {
	t.Helper()
	before := torch.Live()
	t.Cleanup(func() {
		if after := torch.Live(); after > before {
			t.Errorf("%d tensor handles at the start, %d at the end", before, after)
		}
	})
}

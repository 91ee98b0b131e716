//go:build torch

package torchtest

import (
	"cmp"
	"os"
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

// Device is what tests against golden files run on: KAKOI_TEST_DEVICE, which `make test-gpu` sets, or the CPU.
func Device() string { return cmp.Or(os.Getenv("KAKOI_TEST_DEVICE"), "cpu") }

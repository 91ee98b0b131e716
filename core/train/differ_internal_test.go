//go:build torch

package train

import (
	"bytes"
	"testing"

	"kakoi/core/internal/torch/torchtest"
)

// BenchmarkRunsThatDiffer makes one run again and again, each time in a process of its own, and tells which share of them gave another
// adapter than the first: a first call that two threads share (see kk_first_calls) showed in one process in 80 only.
func BenchmarkRunsThatDiffer(b *testing.B) {
	torchtest.Setup(b)
	model := tinyFolder(b, golden(b).Cases[0].Config)
	run := func() []byte {
		dir := b.TempDir()
		if _, done := trainedApart(b, model, dir, 0, 0); !done {
			b.Fatal("a run did not end")
		}
		return adapterBytes(b, dir)
	}
	first, others := run(), 0
	for b.Loop() {
		if !bytes.Equal(run(), first) {
			others++
		}
	}
	b.ReportMetric(float64(others)/float64(b.N), "other/run")
}

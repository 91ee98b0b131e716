package token

import (
	"os"
	"testing"
)

// BenchmarkLoad measures the load of the 250,000 pieces of XLM-R's vocabulary, which every start of the engine pays.
func BenchmarkLoad(b *testing.B) {
	dir := os.Getenv("KAKOI_EMBEDDER")
	if dir == "" {
		b.Skip("KAKOI_EMBEDDER names no folder")
	}
	for b.Loop() {
		t, err := Load(dir)
		if err != nil {
			b.Fatal(err)
		}
		if err := t.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

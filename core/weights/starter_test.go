package weights_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"kakoi/core/weights"
)

// TestStarterValues holds every matrix of the starter model against bitsandbytes (testdata/starter_hash.py).
func TestStarterValues(t *testing.T) {
	f, err := weights.Open("../../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	matrices := 0
	for _, name := range f.Names() {
		if !f.Has(name+".scale") && !f.Has(name+".quant_map") {
			continue
		}
		l, err := f.Linear(name)
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float32, l.Out*l.In)
		if err := l.Float32(values); err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, 0, 4*len(values))
		for _, v := range values {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
		h.Write(raw)
		matrices++
	}
	const want = "77ad9d227b6b13a9802ede56bcf140493c3d5feba8e8439e55ebab79ae1da54d"
	if got := hex.EncodeToString(h.Sum(nil)); matrices != 41 || got != want {
		t.Errorf("%d matrices with hash %s, want 41 with %s", matrices, got, want)
	}
}

func BenchmarkStarter(b *testing.B) {
	f, err := weights.Open("../../resources/starter")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var all []weights.Linear
	largest := 0
	for _, name := range f.Names() {
		if f.Has(name + ".quant_map") {
			l, err := f.Linear(name)
			if err != nil {
				b.Fatal(err)
			}
			all, largest = append(all, l), max(largest, l.Out*l.In)
		}
	}
	dst := make([]float32, largest)
	for b.Loop() {
		for _, l := range all {
			if err := l.Float32(dst[:l.Out*l.In]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

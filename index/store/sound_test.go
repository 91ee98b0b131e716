package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"kakoi/index/store"
)

// TestSoundBesideCompactions: a table that a compaction takes away while it is read is no damage.
func TestSoundBesideCompactions(t *testing.T) {
	s, err := store.Open(t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, 100_000)
	for round := range 5 {
		err := s.Bulk(func(w *store.Writer) error {
			for range 150 {
				for i := range value {
					value[i] = byte(r.Uint32())
				}
				if err := w.Put(fmt.Sprintf("r/kind/%06d/", r.IntN(400)), value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if err := s.SoundBefore(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if err := s.Sound(t.Context()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

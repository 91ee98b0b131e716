package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/weights"
)

// SetLarge says from how many parameters on an imported model is kept in 4 bits, for the tests; it returns what undoes that.
func SetLarge(n int64) (restore func()) {
	old := large
	large = n
	return func() { large = old }
}

// FailQuantizing lets the writing of 4-bit forms fail with err, or work again where err is nil; it returns what makes it work again.
func FailQuantizing(err error) (restore func()) {
	restore = func() { quantizeFolder = (*weights.Folder).Quantize }
	if restore(); err != nil {
		quantizeFolder = func(*weights.Folder, context.Context, string, string, core.Progress) error { return err }
	}
	return restore
}

func TestQuantizingCancelled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "full")
	s := weights.Shape{Model: "gpt_neox", Layers: 3, Hidden: 64, Heads: 2, FFN: 256, Vocab: 64, MaxTokens: 64, DType: weights.BF16, RotaryPct: 1}
	if err := weights.Generate(t.Context(), dir, weights.GenerateParams{Shape: s, Layout: weights.Single}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := in4Bit(ctx, dir, nil, func(u core.Update) {
		if u.Stage == "quantize" && u.Done > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if n, err := in4Bit(t.Context(), dir, nil, nil); err != nil || n == 0 {
		t.Errorf("again: %d bytes, %v", n, err)
	}
}

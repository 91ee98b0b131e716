package weights_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"kakoi/core/weights"
)

func TestStarterModel(t *testing.T) {
	f, err := weights.Open("../../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_ = sha256.New
	_ = hex.EncodeToString
	n := 0
	for _, name := range f.Names() {
		tt, _ := f.Tensor(name)
		if len(tt.Shape) != 2 {
			continue
		}
		l, err := f.Linear(name)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, l.Out*l.In)
		if err := l.Float32(dst); err != nil {
			t.Fatal(err)
		}
		n += len(dst)
	}
	t.Log(n)
}

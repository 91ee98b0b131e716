package weights_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core/weights"
)

// TestPlainStarter: every matrix of the folder that is written has the values of the starter's, in one file or in shards, in float32 exactly and in float16 to the nearest.
func TestPlainStarter(t *testing.T) {
	from, err := weights.Open("../../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for _, o := range []weights.PlainOptions{{DType: weights.F32}, {DType: weights.F16, ShardBytes: 30_000_000}} {
		dir := t.TempDir()
		if err := from.WritePlain(t.Context(), dir, o, nil); err != nil {
			t.Fatal(err)
		}
		to, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		want, err := from.PlainBytes(o.DType)
		if err != nil || to.Bytes() != want || len(to.Names()) != 123 {
			t.Errorf("%v: %d bytes, %d tensors, want %d and 123 (%v)", o.DType, to.Bytes(), len(to.Names()), want, err)
		}
		if shards, _ := filepath.Glob(filepath.Join(dir, "*-of-*.safetensors")); o.ShardBytes > 0 && len(shards) != 3 {
			t.Errorf("shards %v", shards)
		}
		matrices := 0
		for _, name := range to.Names() {
			got, err := to.Tensor(name)
			if err != nil || got.DType != o.DType {
				t.Fatalf("%s: %v, %v", name, got.DType, err)
			}
			if len(got.Shape) != 2 {
				continue
			}
			matrices++
			l, err := from.Linear(name)
			if err != nil {
				t.Fatal(err)
			}
			a, b := make([]float32, l.Out*l.In), make([]float32, l.Out*l.In)
			if err := errors.Join(l.Float32(a), got.Float32(b)); err != nil {
				t.Fatal(err)
			}
			for i := range a {
				if d := a[i] - b[i]; o.DType == weights.F32 && d != 0 || max(d, -d) > max(a[i], -a[i])*0x1p-11+0x1p-25 {
					t.Fatalf("%s: element %d is %v, want %v", name, i, b[i], a[i])
				}
			}
		}
		if matrices != 41 {
			t.Errorf("%d matrices", matrices)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var config map[string]any
		if err := json.Unmarshal(raw, &config); err != nil {
			t.Fatal(err)
		}
		if config["quantization_config"] != nil || config["kakoi_embedding_storage"] != nil || config["tie_word_embeddings"] != true || config["torch_dtype"] != map[weights.DType]string{weights.F32: "float32", weights.F16: "float16"}[o.DType] {
			t.Errorf("config %s", raw)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := from.WritePlain(ctx, t.TempDir(), weights.PlainOptions{DType: weights.F32}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

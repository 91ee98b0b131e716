package weights_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakoi/core/token"
	"kakoi/core/weights"
)

// tinyNeox is a two-layer model whose tokenizer has 1,500 pieces at most.
var tinyNeox = weights.Shape{
	Model: "gpt_neox", Layers: 2, Hidden: 64, Heads: 4, FFN: 256, Vocab: 1600, MaxTokens: 128, DType: weights.F16, RotaryPct: 1,
}

// spieceModel is the small sentencepiece model of core/token's tests.
func spieceModel(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("../token/testdata/plain.model.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func generate(t testing.TB, s weights.Shape, l weights.Layout) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	g := weights.GenerateParams{Shape: s, Layout: l, Seed: 7, ShardBytes: 200_000, Files: map[string][]byte{"spiece.model": spieceModel(t)}}
	if err := weights.Generate(context.Background(), dir, g, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLayoutsHoldTheSame(t *testing.T) {
	for _, model := range []string{"gpt_neox", "bert", "xlm-roberta"} {
		for _, dtype := range []weights.DType{weights.F16, weights.BF16, weights.F32} {
			s := tinyNeox
			s.Model, s.DType = model, dtype
			kind := weights.Embedder
			if model == "gpt_neox" {
				kind = weights.Generator
			}
			first, err := weights.Open(generate(t, s, weights.Single))
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			for _, l := range []weights.Layout{weights.Single, weights.Sharded, weights.TorchBin, weights.TorchShard} {
				dir := generate(t, s, l)
				r, err := weights.Check(context.Background(), dir, kind, nil)
				if err != nil {
					t.Fatalf("%s %v %s: %v", model, dtype, l, err)
				}
				if len(r.Unused) != 0 || r.Storage != dtype.String() || r.Tokenizer.Size != s.Vocab || r.Architecture != model {
					t.Errorf("%s %v %s: report %+v", model, dtype, l, r)
				}
				f, err := weights.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(f.Names(), first.Names()) {
					t.Fatalf("%s: names %v", l, f.Names())
				}
				for _, name := range f.Names() {
					a, err := first.Tensor(name)
					if err != nil {
						t.Fatal(err)
					}
					b, err := f.Tensor(name)
					if err != nil || a.DType != b.DType || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
						t.Fatalf("%s: tensor %q differs (%v)", l, name, err)
					}
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if _, err := f.Tensor("gpt_neox.embed_in.weight"); model == "gpt_neox" && err == nil {
					t.Error("a closed folder still gives tensors")
				}
			}
		}
	}
}

func TestIDFollowsContent(t *testing.T) {
	id := func(dir string) string {
		f, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		id, err := f.ID(context.Background(), nil)
		if err != nil || len(id) != 16 {
			t.Fatal(id, err)
		}
		return id
	}
	a, b := generate(t, tinyNeox, weights.Single), generate(t, tinyNeox, weights.Single)
	if id(a) != id(b) {
		t.Error("the same content in two places has two IDs")
	}
	before := id(b)
	for name, same := range map[string]bool{weights.Refusals: true, "other.json": false} {
		path := filepath.Join(b, name)
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if (id(b) == before) != same {
			t.Errorf("with %s the ID is %s, before %s", name, id(b), before)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(b, "model.safetensors")
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if id(a) == id(b) {
		t.Error("one changed bit keeps the ID")
	}
}

func TestRinna4BParameters(t *testing.T) {
	if n, err := weights.Rinna4B.Parameters(); err != nil || n != 3_796_120_064 {
		t.Errorf("%d parameters, want 3,796,120,064 (%v)", n, err)
	}
}

func TestFilledTokenizerEncodesAsBefore(t *testing.T) {
	dir := generate(t, tinyNeox, weights.Single)
	filled, err := token.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := token.FromSentencePiece(spieceModel(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"有給休暇は何日前までに申請しますか?\n", "<unused_1550> invoice due"} {
		if !slices.Equal(filled.Encode(text), plain.Encode(text)) {
			t.Errorf("%q: %v, want %v", text, filled.Encode(text), plain.Encode(text))
		}
	}
}

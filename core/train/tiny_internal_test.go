//go:build torch

package train

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/neox"
	"kakoi/core/weights"
)

// hashWeight is golden.py's weight.
func hashWeight(name string, shape []int64) []float32 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	v := hashUniform(name, int(n))
	for i := range v {
		switch {
		case len(shape) == 2 && !strings.Contains(name, "embed"):
			v[i] *= float32(1.5 / math.Sqrt(float64(shape[1])))
		case strings.HasSuffix(name, "norm.weight"):
			v[i] = 1 + 0.25*v[i]
		case len(shape) == 1:
			v[i] *= 0.25
		}
	}
	return v
}

// tinyTokenizer has 80 pieces: one for each of 77 letters.
func tinyTokenizer(t testing.TB) []byte {
	t.Helper()
	vocab := [][2]any{{"<unk>", 0.0}, {"<s>", 0.0}, {"</s>", 0.0}}
	for c := 'あ'; len(vocab) < 80; c++ {
		vocab = append(vocab, [2]any{string(c), -3.0})
	}
	special := []map[string]any{}
	for id, name := range []string{"<unk>", "<s>", "</s>"} {
		special = append(special, map[string]any{
			"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		})
	}
	raw, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": special, "normalizer": nil, "pre_tokenizer": nil,
		"post_processor": nil, "decoder": nil, "model": map[string]any{"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": false},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// tinyFolder writes a model of the hash.
func tinyFolder(t testing.TB, config json.RawMessage) string {
	t.Helper()
	var c neox.Config
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	var specs []weights.Spec
	add := func(name string, shape ...int64) {
		specs = append(specs, weights.Spec{Name: name, DType: weights.F32, Shape: shape})
	}
	add("gpt_neox.embed_in.weight", v, d)
	if !c.TieWordEmbeddings {
		add("embed_out.weight", v, d)
	}
	for _, n := range []string{"weight", "bias"} {
		add("gpt_neox.final_layer_norm."+n, d)
	}
	for i := range c.Layers {
		p := fmt.Sprintf("gpt_neox.layers.%d.", i)
		for _, n := range []string{"input_layernorm", "post_attention_layernorm"} {
			add(p+n+".weight", d)
			add(p+n+".bias", d)
		}
		add(p+"attention.query_key_value.weight", 3*d, d)
		add(p+"attention.dense.weight", d, d)
		if c.AttentionBias {
			add(p+"attention.query_key_value.bias", 3*d)
			add(p+"attention.dense.bias", d)
		}
		add(p+"mlp.dense_h_to_4h.weight", f, d)
		add(p+"mlp.dense_h_to_4h.bias", f)
		add(p+"mlp.dense_4h_to_h.weight", d, f)
		add(p+"mlp.dense_4h_to_h.bias", d)
	}
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), specs, func(i int, w io.Writer) error {
		return binary.Write(w, binary.LittleEndian, hashWeight(specs[i].Name, specs[i].Shape))
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"config.json": config, "tokenizer.json": tinyTokenizer(t)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads a model folder until the test ends.
func load(t testing.TB, dir, dtype string) *neox.Generator {
	t.Helper()
	g, err := neox.Load(context.Background(), dir, neox.LoadOptions{Device: torchtest.Device(), DType: dtype, Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

//go:build torch

package bert_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/torch/torchtest"
)

// tiny copies testdata/tiny with other contents for some of its files; nil leaves a file out.
func tiny(t *testing.T, change map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/tiny")); err != nil {
		t.Fatal(err)
	}
	for name, b := range change {
		path := filepath.Join(dir, name)
		err := os.Remove(path)
		if b != nil {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pooling(t *testing.T, config map[string]any) map[string][]byte {
	t.Helper()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"1_Pooling/config.json": b}
}

// checkClose wants all components within 1e-5.
func checkClose(t *testing.T, what string, got, want []core.Vector) {
	t.Helper()
	worst := 0.0
	for i := range want {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s: dimension %d, want %d", what, len(got[i]), len(want[i]))
		}
		for j := range want[i] {
			worst = max(worst, math.Abs(float64(got[i][j])-float64(want[i][j])))
		}
	}
	if !(worst <= 1e-5) {
		t.Errorf("%s: off by %.2g, want <= 1e-5", what, worst)
	}
}

// TestPoolings holds the order of MODES in testdata/golden.py.
func TestPoolings(t *testing.T) {
	torchtest.Setup(t)
	short, long := texts(t)
	golden := vectors(t, "tiny.bin")
	for _, c := range []struct {
		name   string
		config map[string]any
		width  int
	}{
		{"mean", map[string]any{"pooling_mode_mean_tokens": true}, 32},
		{"cls", map[string]any{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}, 32},
		{"max", map[string]any{"pooling_mode_max_tokens": true}, 32},
		{"mean_sqrt_len", map[string]any{"pooling_mode_mean_sqrt_len_tokens": true}, 32},
		{"weightedmean", map[string]any{"pooling_mode": "weightedmean"}, 32},
		{"lasttoken", map[string]any{"pooling_mode": "lasttoken"}, 32},
		{"cls and mean", map[string]any{"pooling_mode": []string{"cls", "mean"}}, 64},
		{"mean without prompt", map[string]any{"pooling_mode": "mean", "include_prompt": false}, 32},
		{"max without prompt", map[string]any{"pooling_mode": "max", "include_prompt": false}, 32},
	} {
		e := load(t, tiny(t, pooling(t, c.config)), bert.LoadOptions{})
		checkClose(t, c.name, embed(t, e, core.EmbedQuery, short), take(t, &golden, len(short), c.width))
	}
	e := load(t, "testdata/tiny", bert.LoadOptions{})
	checkClose(t, "long texts", embed(t, e, core.EmbedQuery, long), take(t, &golden, len(long), 32))
	if len(golden) != 0 {
		t.Errorf("%d golden values left over", len(golden))
	}
}

// rename puts prefix before the names of the tensors of a safetensors file.
func rename(t *testing.T, data []byte, prefix string) []byte {
	t.Helper()
	n := binary.LittleEndian.Uint64(data)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	for name, v := range header {
		if name != "__metadata__" {
			name = prefix + name
		}
		out[name] = v
	}
	head, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	return append(append(b, head...), data[8+n:]...)
}

// Prefixed names shift the data too, so these folders also have unaligned tensors.
func TestTensorPrefix(t *testing.T) {
	torchtest.Setup(t)
	short, _ := texts(t)
	want := embed(t, load(t, "testdata/tiny", bert.LoadOptions{}), core.EmbedQuery, short)
	data, err := os.ReadFile("testdata/tiny/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"roberta.", "bert."} {
		e := load(t, tiny(t, map[string][]byte{"model.safetensors": rename(t, data, prefix)}), bert.LoadOptions{})
		checkClose(t, prefix, embed(t, e, core.EmbedQuery, short), want)
	}
}

func TestPromptsAndIdentity(t *testing.T) {
	torchtest.Setup(t)
	base := load(t, "testdata/tiny", bert.LoadOptions{})
	again := load(t, tiny(t, nil), bert.LoadOptions{})
	if base.Info().ID != again.Info().ID {
		t.Error("the ID of a copy differs")
	}
	if base.Info().Name != "tiny" || base.Info().MaxTokens != 40 || base.Info().Dimension != 32 {
		t.Errorf("info %+v", base.Info())
	}
	const prompts = "config_sentence_transformers.json"
	bare := load(t, tiny(t, map[string][]byte{prompts: nil}), bert.LoadOptions{})
	other := load(t, tiny(t, map[string][]byte{prompts: []byte(`{"prompts": {"query": "q: "}}`)}), bert.LoadOptions{})
	max := load(t, tiny(t, pooling(t, map[string]any{"pooling_mode_max_tokens": true})), bert.LoadOptions{})
	ids := map[string]bool{}
	for _, e := range []*bert.Embedder{base, bare, other, max} {
		ids[e.Info().ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%d IDs for 4 embedders", len(ids))
	}
	// The folder's prompt is the text it names, put before ours.
	checkClose(t, "query", embed(t, base, core.EmbedQuery, []string{"倉庫"}), embed(t, bare, core.EmbedQuery, []string{"ask: 倉庫"}))
	checkClose(t, "passage", embed(t, base, core.EmbedPassage, []string{"倉庫"}), embed(t, bare, core.EmbedPassage, []string{"text: 倉庫"}))
	checkClose(t, "no passage prompt", embed(t, other, core.EmbedPassage, []string{"倉庫"}), embed(t, bare, core.EmbedPassage, []string{"倉庫"}))
	// The default prompt is used where no other has the name.
	byDefault := load(t, tiny(t, map[string][]byte{prompts: []byte(`{"prompts": {"all": "text: "}, "default_prompt_name": "all"}`)}), bert.LoadOptions{})
	checkClose(t, "default prompt", embed(t, byDefault, core.EmbedQuery, []string{"倉庫"}), embed(t, base, core.EmbedPassage, []string{"倉庫"}))
	lower := load(t, tiny(t, map[string][]byte{"sentence_bert_config.json": []byte(`{"max_seq_length": 40, "do_lower_case": true}`)}), bert.LoadOptions{})
	checkClose(t, "lower case", embed(t, lower, core.EmbedQuery, []string{"The WAREHOUSE"}), embed(t, base, core.EmbedQuery, []string{"the warehouse"}))
}

// A text's vector does not depend on what else is embedded, in which order, or by how many callers.
func TestOrderAndCompany(t *testing.T) {
	torchtest.Setup(t)
	short, long := texts(t)
	e := load(t, "testdata/tiny", bert.LoadOptions{})
	var many []string
	for i := range 1500 { // more than one block of texts, more than one batch
		many = append(many, strings.Repeat(short[i%len(short)]+" ", i%7))
	}
	many = append(many, long...)
	got := embed(t, e, core.EmbedPassage, many)
	if len(got) != len(many) {
		t.Fatalf("%d vectors for %d texts", len(got), len(many))
	}
	var callers sync.WaitGroup
	for _, i := range []int{0, 1, 13, 511, 512, 700, 1499, 1501, 1503} {
		callers.Go(func() {
			alone, err := e.Embed(context.Background(), core.EmbedPassage, many[i:i+1])
			if err != nil {
				t.Error(err)
				return
			}
			if c := cosine(alone[0], got[i]); !(c > 0.999999) {
				t.Errorf("text %d alone: cosine %v", i, c)
			}
		})
	}
	callers.Wait()
	for i, v := range got {
		if n := cosine(v, v); !(math.Abs(n-1) < 1e-6) || !(math.Abs(length(v)-1) < 1e-5) {
			t.Fatalf("text %d: length %v", i, length(v))
		}
	}
	if none := embed(t, e, core.EmbedPassage, nil); len(none) != 0 {
		t.Errorf("%d vectors for no texts", len(none))
	}
}

func length(v core.Vector) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

// What stands at the end of a long text reaches its vector.
func TestLongTextIsNotCut(t *testing.T) {
	torchtest.Setup(t)
	e := load(t, "testdata/tiny", bert.LoadOptions{})
	head := strings.Repeat("申請 は 三日前 まで。 ", 8) // several windows
	got := embed(t, e, core.EmbedPassage, []string{head + "The warehouse opens at eight.", head + "倉庫 の 電源 を 確認", head})
	for i := range 3 {
		for j := range i {
			if c := cosine(got[i], got[j]); !(c < 0.9999) {
				t.Errorf("texts %d and %d: cosine %v", i, j, c)
			}
		}
	}
}

func TestCancelAndClose(t *testing.T) {
	torchtest.Setup(t)
	e := load(t, "testdata/tiny", bert.LoadOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Embed(ctx, core.EmbedQuery, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := e.Embed(context.Background(), core.EmbedKind(7), []string{"a"}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("kind 7: %v", err)
	}
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if _, err := e.Embed(context.Background(), core.EmbedQuery, []string{"a"}); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("closed: %v", err)
	}
	if _, err := bert.Load(ctx, "testdata/tiny", bert.LoadOptions{Device: "cpu"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("load cancelled: %v", err)
	}
}

func edit(t *testing.T, name string, change func(map[string]any)) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/tiny", name))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBadFolders(t *testing.T) {
	torchtest.Setup(t)
	data, err := os.ReadFile("testdata/tiny/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	config := func(key string, v any) map[string][]byte {
		return map[string][]byte{"config.json": edit(t, "config.json", func(m map[string]any) { m[key] = v })}
	}
	modules := func(s string) map[string][]byte { return map[string][]byte{"modules.json": []byte(s)} }
	for _, c := range []struct {
		name   string
		change map[string][]byte
		want   error
	}{
		{"other model", config("model_type", "mpnet"), core.ErrUnsupported},
		{"relative positions", config("position_embedding_type", "relative_key"), core.ErrUnsupported},
		{"activation", config("hidden_act", "swiglu"), core.ErrUnsupported},
		{"heads", config("num_attention_heads", 5), core.ErrCorrupt},
		{"no layers", config("num_hidden_layers", 0), core.ErrCorrupt},
		{"more layers than weights", config("num_hidden_layers", 3), core.ErrNotFound},
		{"other width", config("hidden_size", 64), core.ErrCorrupt},
		{"padding beyond the positions", config("pad_token_id", 5000), core.ErrCorrupt},
		{"truncated weights", map[string][]byte{"model.safetensors": data[:len(data)-100]}, core.ErrCorrupt},
		{"missing tensor", map[string][]byte{"model.safetensors": bytes.Replace(data, []byte("layer.1.output.dense.bias"), []byte("layer.1.output.dense.bios"), 1)}, core.ErrNotFound},
		{"no weights", map[string][]byte{"model.safetensors": nil}, core.ErrNotFound},
		{"no tokenizer", map[string][]byte{"tokenizer.json": nil}, core.ErrNotFound},
		{"vocabulary of another model", map[string][]byte{"config.json": edit(t, "config.json", func(m map[string]any) { m["vocab_size"] = 20 })}, core.ErrCorrupt},
		{"modules no list", modules(`{}`), core.ErrCorrupt},
		{"module unknown", modules(`[{"path":"","type":"a.Transformer"},{"path":"1_Pooling","type":"a.Pooling"},{"path":"2_Dense","type":"a.Dense"}]`), core.ErrUnsupported},
		{"module outside", modules(`[{"path":"../x","type":"a.Transformer"}]`), core.ErrCorrupt},
		{"no pooling", modules(`[{"path":"","type":"a.Transformer"}]`), core.ErrUnsupported},
		{"pooling unknown", pooling(t, map[string]any{"pooling_mode": "median"}), core.ErrUnsupported},
		{"prompt as long as the input", map[string][]byte{"sentence_bert_config.json": []byte(`{"max_seq_length": 4}`)}, core.ErrCorrupt},
	} {
		e, err := bert.Load(context.Background(), tiny(t, c.change), bert.LoadOptions{Device: "cpu"}, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		var u *core.UserError
		if !errors.As(err, &u) {
			t.Errorf("%s: no sentence for people: %v", c.name, err)
		}
		if err == nil {
			t.Error(c.name, e.Close())
		}
	}
	if _, err := bert.Load(context.Background(), "testdata/tiny", bert.LoadOptions{Device: "cpu", DType: "fp8"}, nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("dtype: %v", err)
	}
	if _, err := bert.Load(context.Background(), filepath.Join(t.TempDir(), "none"), bert.LoadOptions{}, nil); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("no folder: %v", err)
	}
}

func TestHalfPrecision(t *testing.T) {
	torchtest.Setup(t)
	short, _ := texts(t)
	want := embed(t, load(t, model(t, "KAKOI_MINILM"), bert.LoadOptions{}), core.EmbedPassage, short)
	for dtype, least := range map[string]float64{"fp16": 0.9999, "bf16": 0.998} {
		t.Run(fmt.Sprint(dtype), func(t *testing.T) {
			got := embed(t, load(t, model(t, "KAKOI_MINILM"), bert.LoadOptions{DType: dtype}), core.EmbedPassage, short)
			checkCosine(t, dtype, got, want, short, least)
		})
	}
}

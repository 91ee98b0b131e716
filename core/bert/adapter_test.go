//go:build torch

package bert_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/quant"
	"kakoi/core/weights"
)

// adapterValues are the numbers of a tensor of testdata/golden_adapter.py, as fp16 bits.
func adapterValues(t *testing.T, name string, n int) []byte {
	t.Helper()
	scale := 0.08 // pooler
	switch {
	case strings.Contains(name, "lora_"):
		scale = 0.06
	case strings.HasPrefix(name, "base_model.model.classifier"):
		scale = 1
	}
	x := uint32(2166136261)
	for _, c := range []byte(name) {
		x = (x ^ uint32(c)) * 16777619
	}
	data := make([]byte, 0, 2*n)
	for range n {
		x = x*1664525 + 1013904223
		bits, ok := quant.Half(float32((float64(x>>8)/8388608 - 1) * scale))
		if !ok {
			t.Fatalf("%s: no fp16", name)
		}
		data = binary.LittleEndian.AppendUint16(data, bits)
	}
	return data
}

// shape of an encoder that an adapter is made for.
type adapterShape struct {
	body                  string // "bert.", "roberta."
	layers, hidden, inner int
}

var (
	shapeE5   = adapterShape{"bert.", 12, 384, 1536}
	shapeTiny = adapterShape{"roberta.", 2, 32, 48} // testdata/tiny
)

// adapterTensors are those of an adapter of rank 4, by name.
func adapterTensors(t *testing.T, s adapterShape) map[string]weights.Spec {
	t.Helper()
	all := map[string]weights.Spec{}
	put := func(name string, shape ...int64) {
		name = "base_model.model." + name
		all[name] = weights.Spec{Name: name, DType: weights.F16, Shape: shape}
	}
	h, g := int64(s.hidden), int64(s.inner)
	for i := range s.layers {
		at := fmt.Sprintf("%sencoder.layer.%d.", s.body, i)
		for name, size := range map[string][2]int64{
			"attention.self.query": {h, h}, "attention.self.key": {h, h}, "attention.self.value": {h, h}, "attention.output.dense": {h, h},
			"intermediate.dense": {g, h}, "output.dense": {h, g},
		} {
			put(at+name+".lora_A.weight", 4, size[1])
			put(at+name+".lora_B.weight", size[0], 4)
		}
	}
	if s.body == "bert." {
		put("bert.pooler.dense.weight", h, h)
		put("bert.pooler.dense.bias", h)
		put("classifier.weight", 1, h)
		put("classifier.bias", 1)
	} else {
		put("classifier.dense.weight", h, h)
		put("classifier.dense.bias", h)
		put("classifier.out_proj.weight", 1, h)
		put("classifier.out_proj.bias", 1)
	}
	return all
}

// adapterFolder writes an adapter as PEFT does, after change.
func adapterFolder(t *testing.T, s adapterShape, change func(config map[string]any, tensors map[string]weights.Spec)) string {
	t.Helper()
	tensors := adapterTensors(t, s)
	config := map[string]any{
		"peft_type": "LORA", "task_type": "SEQ_CLS", "base_model_name_or_path": "intfloat/multilingual-e5-small", "r": 4, "lora_alpha": 8, "bias": "none",
		"init_lora_weights": true, "use_rslora": false, "modules_to_save": []string{"pooler", "classifier", "classifier", "score"},
		"target_modules": `(bert|roberta)\.encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|attention\.output\.dense|intermediate\.dense|output\.dense)`,
	}
	if change != nil {
		change(config, tensors)
	}
	dir := filepath.Join(t.TempDir(), "evidence")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "adapter_config.json"), raw, 0o600)
	}
	var specs []weights.Spec
	for _, spec := range tensors {
		specs = append(specs, spec)
	}
	if err == nil {
		err = weights.WriteSafetensors(filepath.Join(dir, "adapter_model.safetensors"), specs, func(i int, w io.Writer) error {
			n := 1
			for _, d := range specs[i].Shape {
				n *= int(d)
			}
			_, err := w.Write(adapterValues(t, specs[i].Name, n))
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func loadAdapter(t *testing.T, dir, base, dtype string) *bert.Reranker {
	t.Helper()
	r, err := bert.LoadReranker(context.Background(), dir, bert.LoadOptions{Device: torchtest.Device(), DType: dtype, Base: base}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestAdapter holds the logits of transformers with PEFT: the adapter of the golden script on multilingual E5, of pairs of two languages, empty ones and ones that are cut.
func TestAdapter(t *testing.T) {
	torchtest.Setup(t)
	raw, err := os.ReadFile("testdata/adapter.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Pairs         [][2]string
		Plain, RSLora []float32
	}
	if err := json.Unmarshal(raw, &golden); err != nil || len(golden.Pairs) < 10 || len(golden.Plain) != len(golden.Pairs) || len(golden.RSLora) != len(golden.Pairs) {
		t.Fatalf("golden scores of %d pairs, %v", len(golden.Pairs), err)
	}
	base := model(t, "KAKOI_EMBEDDER")
	ids := map[string]bool{}
	for _, c := range []struct {
		name  string
		dtype string
		near  float64 // logits lie between 0 and 1.6; a random adapter is coarser in 8 bits than a trained one
	}{{"plain", "fp32", 1e-4}, {"rslora", "fp32", 1e-4}, {"plain", "bf16", 0.05}, {"plain", "int8", 0.15}} {
		if c.dtype == "int8" && torchtest.Device() != "cpu" {
			continue
		}
		want := golden.Plain
		dir := adapterFolder(t, shapeE5, func(config map[string]any, _ map[string]weights.Spec) {
			if c.name == "rslora" {
				want = golden.RSLora
				// The other form of PEFT's target_modules; the pooler is saved whole, so its "dense" is none of them.
				config["use_rslora"], config["target_modules"] = true, []string{"query", "key", "value", "dense"}
			}
		})
		r := loadAdapter(t, dir, base, c.dtype)
		if info := r.Info(); info.Name != "evidence" || info.MaxTokens != 512 || len(info.ID) != 16 || info.Device != torchtest.Device() {
			t.Errorf("info %+v", info)
		}
		ids[r.Info().ID] = true
		worst := 0.0
		for i, p := range golden.Pairs {
			got, err := r.Rerank(context.Background(), p[0], []string{p[1]})
			if err != nil {
				t.Fatal(err)
			}
			off := math.Abs(float64(got[0] - want[i]))
			if worst = max(worst, off); off > c.near {
				t.Errorf("%s %s: %.40q with %.40q: %v, want %v", c.name, c.dtype, p[0], p[1], got[0], want[i])
			}
		}
		t.Logf("%s %s: off by %.2g", c.name, c.dtype, worst)
	}
	if len(ids) != 2 { // the scale is part of what is computed, the arithmetic is not
		t.Errorf("IDs %v", ids)
	}
}

// TestAdapterOfRoberta: an adapter of the other family, whose head lies elsewhere, is read, and what it changes is to be seen.
func TestAdapterOfRoberta(t *testing.T) {
	torchtest.Setup(t)
	score := func(change func(map[string]any, map[string]weights.Spec)) (float32, string) {
		r := loadAdapter(t, adapterFolder(t, shapeTiny, change), "testdata/tiny", "fp32")
		got, err := r.Rerank(context.Background(), "倉庫", []string{"The warehouse opens at 8 am."})
		if err != nil || r.Info().MaxTokens != 40 {
			t.Fatalf("%+v, %v", r.Info(), err)
		}
		return got[0], r.Info().ID
	}
	one, id := score(nil)
	again, same := score(nil)
	stronger, other := score(func(config map[string]any, _ map[string]weights.Spec) { config["lora_alpha"] = 64 })
	if one != again || id != same || one == stronger || id == other {
		t.Errorf("%v %s, again %v %s, stronger %v %s", one, id, again, same, stronger, other)
	}
}

// TestAdapterDamage: what does not fit, is missing or of another kind is refused with a sentence.
func TestAdapterDamage(t *testing.T) {
	torchtest.Setup(t)
	const a, b = "base_model.model.roberta.encoder.layer.1.output.dense.lora_A.weight", "base_model.model.roberta.encoder.layer.1.output.dense.lora_B.weight"
	type specs = map[string]weights.Spec
	reshape := func(s specs, name string, shape ...int64) {
		x := s[name]
		x.Shape = shape
		s[name] = x
	}
	add := func(s specs, name string, shape ...int64) {
		s[name] = weights.Spec{Name: name, DType: weights.F16, Shape: shape}
	}
	for _, c := range []struct {
		name   string
		change func(config map[string]any, s specs)
		want   error
		key    string
	}{
		{"another kind", func(c map[string]any, _ specs) { c["peft_type"] = "IA3" }, core.ErrUnsupported, "error.lora.kind"},
		{"DoRA", func(c map[string]any, _ specs) { c["use_dora"] = true }, core.ErrUnsupported, "error.lora.dora"},
		{"rank 0", func(c map[string]any, _ specs) { c["r"] = 0 }, core.ErrCorrupt, "error.lora.config"},
		{"another rank", func(c map[string]any, _ specs) { c["r"] = 8 }, core.ErrCorrupt, "error.lora.shape"},
		{"biases", func(c map[string]any, _ specs) { c["bias"] = "all" }, core.ErrUnsupported, "error.lora.kind"},
		{"no targets", func(c map[string]any, _ specs) { delete(c, "target_modules") }, core.ErrCorrupt, "error.lora.config"},
		{"an expression that is none", func(c map[string]any, _ specs) { c["target_modules"] = "(" }, core.ErrUnsupported, "error.lora.target"},
		{"targets that the file does not have", func(c map[string]any, _ specs) { c["target_modules"] = []string{"query"} }, core.ErrCorrupt, "error.lora.shape"},
		{"some layers only", func(c map[string]any, _ specs) { c["layers_to_transform"] = []int{1} }, core.ErrUnsupported, "error.lora.target"},
		{"no lora_A", func(_ map[string]any, s specs) { delete(s, a) }, core.ErrCorrupt, "error.lora.shape"},
		{"no lora_B", func(_ map[string]any, s specs) { delete(s, b) }, core.ErrCorrupt, "error.lora.shape"},
		{"a matrix left out", func(_ map[string]any, s specs) { delete(s, a); delete(s, b) }, core.ErrCorrupt, "error.lora.shape"},
		{"another width", func(_ map[string]any, s specs) { reshape(s, a, 4, 32) }, core.ErrCorrupt, "error.lora.model"},
		{"halves of two ranks", func(_ map[string]any, s specs) { reshape(s, b, 32, 3) }, core.ErrCorrupt, "error.lora.shape"},
		{"a layer more", func(_ map[string]any, s specs) {
			add(s, strings.Replace(a, "layer.1", "layer.2", 1), 4, 48)
			add(s, strings.Replace(b, "layer.1", "layer.2", 1), 32, 4)
		}, core.ErrCorrupt, "error.lora.target"},
		{"embeddings", func(c map[string]any, s specs) {
			add(s, "base_model.model.roberta.embeddings.word_embeddings.lora_embedding_A", 4, 32)
		}, core.ErrUnsupported, "error.lora.target"},
		{"another module saved whole", func(c map[string]any, s specs) {
			c["modules_to_save"] = []string{"classifier", "LayerNorm"}
			add(s, "base_model.model.roberta.embeddings.LayerNorm.weight", 32)
		}, core.ErrUnsupported, "error.lora.modules"},
		{"no classifier", func(_ map[string]any, s specs) { delete(s, "base_model.model.classifier.out_proj.weight") }, core.ErrNotFound, "error.reranker.head"},
		{"two labels", func(_ map[string]any, s specs) { reshape(s, "base_model.model.classifier.out_proj.weight", 2, 32) }, core.ErrCorrupt, "error.model.tensor.shape"},
	} {
		dir := adapterFolder(t, shapeTiny, c.change)
		refused(t, c.name, dir, "testdata/tiny", c.want, c.key)
	}
	refused(t, "another base", adapterFolder(t, shapeTiny, nil), "testdata/rerank_bert", core.ErrCorrupt, "")
	refused(t, "no base", adapterFolder(t, shapeTiny, nil), filepath.Join(t.TempDir(), "none"), core.ErrNotFound, "")
	refused(t, "no adapter", t.TempDir(), "testdata/tiny", core.ErrNotFound, "error.lora.folder")
	for name, cut := range map[string]func(b []byte) []byte{
		"a cut file": func(b []byte) []byte { return b[:len(b)-100] }, "an empty file": func([]byte) []byte { return nil },
		"a value that is no number": func(b []byte) []byte { b[len(b)-1], b[len(b)-2] = 0x7e, 0; return b },
	} {
		dir := adapterFolder(t, shapeTiny, nil)
		path := filepath.Join(dir, "adapter_model.safetensors")
		raw, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, cut(raw), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		refused(t, name, dir, "testdata/tiny", core.ErrCorrupt, "")
	}
}

func refused(t *testing.T, name, dir, base string, want error, key string) {
	t.Helper()
	r, err := bert.LoadReranker(context.Background(), dir, bert.LoadOptions{Device: "cpu", DType: "fp32", Base: base}, nil)
	var said *core.UserError
	if !errors.Is(err, want) || !errors.As(err, &said) || key != "" && said.Key != key {
		t.Errorf("%s: %v, want %v (%s)", name, err, want, key)
	}
	if err == nil {
		t.Error(r.Close())
	}
}

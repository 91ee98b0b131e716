package bert

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

// source gives tensors by name: a *weights.Folder, one with an adapter, or the self-test's own.
type source interface {
	Has(name string) bool
	Tensor(name string) (weights.Tensor, error)
}

// prefix is what stands before the tensors' names: "bert.", "roberta." or nothing.
func prefix(src source) string {
	for _, p := range []string{"", "bert.", "roberta.", "model.", "0.auto_model."} {
		if src.Has(p + "embeddings.word_embeddings.weight") {
			return p
		}
	}
	return ""
}

// adapted is an encoder with a LoRA adapter for sequence classification: W + scale B A for each matrix that the adapter changes, added up in fp32, and what was
// saved whole in place of what the encoder has. Every other tensor is the encoder's own, where and as it lies.
type adapted struct {
	base   source
	before string // what stands before the names of the encoder's tensors in its own folder
	body   string // and in the model that was adapted: "bert.", "roberta."
	parts  *lora.Parts
}

// adapt puts an adapter on an encoder. Errors are core.ErrCorrupt, with a sentence that names the first module that does not fit.
func adapt(base source, cfg Config, parts *lora.Parts) (*adapted, error) {
	a := &adapted{base: base, before: prefix(base), body: "bert.", parts: parts}
	if cfg.ModelType != "bert" {
		a.body = "roberta."
	}
	left := map[string]bool{} // what the adapter has, until a matrix of the encoder takes it
	for module := range parts.Low {
		left[module] = true
	}
	h, g := cfg.Hidden, cfg.Inner
	for i := range cfg.Layers {
		at := a.body + layerPrefix(i)
		for _, m := range []struct {
			name    string
			out, in int
		}{
			{"attention.self.query", h, h}, {"attention.self.key", h, h}, {"attention.self.value", h, h}, {"attention.output.dense", h, h},
			{"intermediate.dense", g, h}, {"output.dense", h, g},
		} {
			module := at + m.name
			if err := a.fits(module, m.out, m.in, left); err != nil {
				return nil, err
			}
		}
	}
	dense, out := a.head(cfg)
	if err := a.fits(dense, h, h, left); err != nil {
		return nil, err
	}
	for _, module := range slices.Sorted(maps.Keys(left)) {
		return nil, core.Explain(fmt.Errorf("adapter %q: no %q in an encoder of %d layers: %w", parts.Name, module, cfg.Layers, core.ErrCorrupt), "error.lora.target", parts.Name, module)
	}
	for _, name := range []string{dense + ".weight", dense + ".bias", out + ".weight", out + ".bias"} {
		if !a.Has(name) { // an encoder comes without them: transformers would make them up
			return nil, core.Explain(fmt.Errorf("adapter %q: no %q: %w", parts.Name, name, core.ErrNotFound), "error.reranker.head", parts.Name, name)
		}
	}
	for name := range parts.Whole {
		if module, _, _ := cutLast(name); module != dense && module != out {
			return nil, core.Explain(fmt.Errorf("adapter %q: %q saved whole: %w", parts.Name, name, core.ErrUnsupported), "error.lora.modules", parts.Name, name)
		}
	}
	return a, nil
}

// head is what scorer.load reads, under the names of the model that was adapted.
func (a *adapted) head(cfg Config) (dense, out string) {
	if cfg.ModelType == "bert" {
		return a.body + "pooler.dense", "classifier"
	}
	return "classifier.dense", "classifier.out_proj"
}

// fits says whether what the adapter has for a matrix [out, in] goes with it, and whether it has what its configuration names.
func (a *adapted) fits(module string, out, in int, left map[string]bool) error {
	t, ok := a.parts.Low[module]
	delete(left, module)
	switch {
	case !ok && a.parts.Targets(module):
		return core.Explain(fmt.Errorf("adapter %q: nothing for %q, which target_modules names: %w", a.parts.Name, module, core.ErrCorrupt), "error.lora.shape", a.parts.Name, module)
	case ok && (t.Out != out || t.In != in):
		return core.Explain(fmt.Errorf("adapter %q: %s is [%d, %d], the encoder has [%d, %d]: %w", a.parts.Name, module, t.Out, t.In, out, in, core.ErrCorrupt),
			"error.lora.model", a.parts.Name, fmt.Sprintf("%s [%d, %d]", module, t.Out, t.In), fmt.Sprintf("[%d, %d]", out, in))
	}
	return nil
}

// own is the name in the encoder's folder of a tensor of the encoder; "" of others.
func (a *adapted) own(name string) string {
	if rest, ok := strings.CutPrefix(name, a.body); ok {
		return a.before + rest
	}
	return ""
}

// Has says whether there is a tensor; names are those of the model that was adapted.
func (a *adapted) Has(name string) bool {
	_, whole := a.parts.Whole[name]
	own := a.own(name)
	return whole || own != "" && a.base.Has(own)
}

// Tensor gives a tensor; one that is made here is the caller's.
func (a *adapted) Tensor(name string) (weights.Tensor, error) {
	if w, ok := a.parts.Whole[name]; ok {
		return floats32(name, w.Shape, w.Values), nil
	}
	own := a.own(name)
	if own == "" {
		return weights.Tensor{}, fmt.Errorf("adapter %q: tensor %q: %w", a.parts.Name, name, core.ErrNotFound)
	}
	t, err := a.base.Tensor(own)
	module, last, _ := cutLast(name)
	low, ok := a.parts.Low[module]
	if err != nil || !ok || last != "weight" {
		return t, err
	}
	if !slices.Equal(t.Shape, []int64{int64(low.Out), int64(low.In)}) || !t.DType.Float() {
		return t, core.Explain(fmt.Errorf("tensor %q: %v %v with an adapter of [%d, %d]: %w", name, t.DType, t.Shape, low.Out, low.In, core.ErrCorrupt), "error.model.tensor.shape", name)
	}
	sum := make([]float32, low.Out*low.In)
	if err := t.Float32(sum); err != nil {
		return t, err
	}
	addAll(&low, sum)
	return floats32(name, t.Shape, sum), nil
}

// addAll adds a target's product, on all processors.
func addAll(t *lora.Target, sum []float32) {
	var group sync.WaitGroup
	step := (t.Out + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for first := 0; first < t.Out; first += step {
		last := min(first+step, t.Out)
		group.Go(func() { t.AddTo(sum[first*t.In:last*t.In], first) })
	}
	group.Wait()
}

func cutLast(name string) (module, last string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// floats32 is a tensor of fp32 numbers.
func floats32(name string, shape []int64, values []float32) weights.Tensor {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return weights.Tensor{Name: name, DType: weights.F32, Shape: shape, Data: data}
}

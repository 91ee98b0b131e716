//go:build torch

package neox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/token"
	"kakoi/core/weights"
)

// Load reads the model folder dir (config.json, weights, tokenizer) onto a device. Errors name the layer and the
// tensor; the sentinels are those of core/weights, core.ErrUnsupported, core.ErrNoDevice and core.ErrOutOfMemory.
func Load(ctx context.Context, dir string, opt LoadOptions, p core.Progress) (_ *Generator, err error) {
	defer func() {
		if err != nil {
			err = readable(fmt.Errorf("load model %q: %w", filepath.Base(dir), err))
		}
	}()
	folder, err := weights.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	var cfg Config
	if err := folder.Config(&cfg); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dev, as, err := place(opt, cfg, storedAs(folder))
	if err != nil {
		return nil, err
	}

	type loaded struct {
		tok *token.Tokenizer
		err error
	}
	tokens := make(chan loaded, 1)
	go func() { // beside the weights: both take a few hundred ms
		tok, err := token.Load(dir)
		if err == nil && tok.VocabSize() > cfg.VocabSize {
			err = core.Explain(fmt.Errorf("tokenizer of %d tokens for %d embeddings: %w", tok.VocabSize(), cfg.VocabSize, core.ErrCorrupt),
				"error.model.tokenizer.vocabulary", tok.VocabSize(), cfg.VocabSize)
			err = errors.Join(err, tok.Close())
		}
		tokens <- loaded{tok, err}
	}()
	var run runner
	id, err := folder.ID(ctx, p)
	if err == nil {
		run, err = loadRunner(ctx, dev, cfg, as, folder, id, opt.Keep4Bit, p)
	}
	tok := <-tokens
	if err != nil || tok.err != nil {
		if run != nil {
			_ = dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { run.close(); return nil })
		}
		if tok.err == nil {
			_ = tok.tok.Close()
		}
		return nil, errors.Join(err, tok.err)
	}
	g := newGenerator(cfg, dev, run, tok.tok, endTokens(dir, cfg))
	g.plan, g.dir, g.key = as.plan, dir, opt.Key
	g.plan.DType = run.traits().dtype // where our kernels have no use for a GPU it is another
	if opt.Keep4Bit && dev.CUDA() && run.traits().dtype == "nf4" {
		g.keeper = keepLater(dir, id)
	}
	switch opt.Lookup {
	case "on":
		g.lookup = true
	case "off":
		g.lookup = false
	}
	g.info = core.GeneratorInfo{
		ID: id, Name: filepath.Base(dir), MaxTokens: cfg.MaxPositionEmbeddings, Layers: cfg.Layers, Hidden: cfg.HiddenSize,
		Vocab: cfg.VocabSize, Device: dev.Name(), DType: run.traits().dtype, Bytes: run.bytes(),
	}
	return g, nil
}

// endTokens are the ids that end an answer: config.json's and generation_config.json's.
func endTokens(dir string, cfg Config) []int32 {
	ids := slices.Clone(cfg.EOS)
	var gen struct {
		EOS TokenIDs `json:"eos_token_id"`
	}
	if b, err := os.ReadFile(filepath.Join(dir, "generation_config.json")); err == nil && json.Unmarshal(b, &gen) == nil {
		ids = append(ids, gen.EOS...)
	}
	return ids
}

// readable puts a sentence for people around errors that have none yet.
func readable(err error) error {
	var u *core.UserError
	switch {
	case err == nil || errors.As(err, &u):
		return err
	case errors.Is(err, core.ErrOutOfMemory):
		return core.Explain(err, "error.model.memory")
	case errors.Is(err, core.ErrNoDevice):
		return core.Explain(err, "error.device.unusable")
	}
	return err
}

// source is where weights come from: a folder, or memory.
type source interface {
	Has(name string) bool
	Tensor(name string) (weights.Tensor, error)
	Linear(name string) (weights.Linear, error)
}

// maker is a source that makes its tensors on the device instead of reading them.
type maker interface {
	make(s *torch.Scope, name string, dtype torch.DType, shape []int64) torch.Tensor
}

// loadModel builds the model on dev; what was built is freed again when something fails.
func loadModel(ctx context.Context, dev *device.Device, cfg Config, dtype torch.DType, src source, p core.Progress) (*Model, error) {
	m := &Model{Config: cfg, DType: dtype, layer: make([]layer, cfg.Layers)}
	total := int64(cfg.Layers + 1)
	p.Report(core.Update{Stage: "load", Total: total})
	err := dev.Do(ctx, func(s *torch.Scope) error { return m.loadEnds(s, src) })
	for i := range m.layer {
		if err != nil {
			break
		}
		p.Report(core.Update{Stage: "load", Done: int64(i + 1), Total: total})
		if err = dev.Do(ctx, func(s *torch.Scope) error { return m.loadLayer(s, src, i) }); err != nil {
			err = fmt.Errorf("layer %d: %w", i, err)
		}
	}
	if err != nil {
		closing := dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { m.Close(); return nil })
		return nil, errors.Join(err, closing)
	}
	p.Report(core.Update{Stage: "load", Done: total, Total: total})
	return m, nil
}

// prefix is what stands before the names of the tensors: nothing in a folder saved from the model without head.
func prefix(src source) string {
	if !src.Has("gpt_neox.embed_in.weight") && src.Has("embed_in.weight") {
		return ""
	}
	return "gpt_neox."
}

// loadEnds loads what is not in a layer.
func (m *Model) loadEnds(s *torch.Scope, src source) error {
	r := reader{m: m, s: s, src: src}
	name := prefix(src)
	m.embed = r.matrix(name+"embed_in.weight", m.VocabSize, m.HiddenSize)
	m.head = m.embed
	if !m.TieWordEmbeddings {
		m.head = r.matrix("embed_out.weight", m.VocabSize, m.HiddenSize)
	}
	m.norm = r.norm(name + "final_layer_norm")
	if half := m.RotaryDims() / 2; half > 0 {
		cos, sin := rotaryTables(m.Config, m.MaxPositionEmbeddings)
		for _, table := range []struct {
			to   *torch.Tensor
			vals []float32
		}{{&m.cos, cos}, {&m.sin, sin}} {
			*table.to = s.Keep(&m.owner, s.To(s.Floats(table.vals, int64(m.MaxPositionEmbeddings), int64(half)), m.DType))
		}
	}
	return r.err(s)
}

// loadLayer loads layer i.
func (m *Model) loadLayer(s *torch.Scope, src source, i int) error {
	r := reader{m: m, s: s, src: src}
	name := layerName(i)
	if prefix(src) == "" {
		name = strings.TrimPrefix(name, "gpt_neox.")
	}
	d, f := m.HiddenSize, m.IntermediateSize
	m.layer[i] = layer{
		inputNorm:     r.norm(name + "input_layernorm"),
		postNorm:      r.norm(name + "post_attention_layernorm"),
		queryKeyValue: r.linear(name+"attention.query_key_value", 3*d, d, m.AttentionBias),
		dense:         r.linear(name+"attention.dense", d, d, m.AttentionBias),
		up:            r.linear(name+"mlp.dense_h_to_4h", f, d, true),
		down:          r.linear(name+"mlp.dense_4h_to_h", d, f, true),
	}
	return r.err(s)
}

// reader turns tensors of a source into tensors of the model and remembers the first error.
type reader struct {
	m     *Model
	s     *torch.Scope
	src   source
	first error
}

func (r *reader) err(s *torch.Scope) error {
	if r.first != nil {
		return r.first
	}
	return s.Err()
}

func (r *reader) fail(name string, err error) torch.Tensor {
	if r.first == nil {
		r.first = fmt.Errorf("tensor %q: %w", name, err)
	}
	return torch.Tensor{}
}

func (r *reader) norm(name string) norm {
	return norm{r.vector(name+".weight", r.m.HiddenSize), r.vector(name+".bias", r.m.HiddenSize)}
}

func (r *reader) linear(name string, out, in int, bias bool) linear {
	l := linear{w: r.matrix(name+".weight", out, in)}
	if bias {
		l.b = r.vector(name+".bias", out)
	}
	return l
}

func (r *reader) vector(name string, n int) torch.Tensor {
	if made, ok := r.src.(maker); ok {
		return r.kept(name, made.make(r.s, name, r.m.DType, []int64{int64(n)}))
	}
	t, err := r.src.Tensor(name)
	if err != nil {
		return r.fail(name, err)
	}
	if len(t.Shape) != 1 || t.Shape[0] != int64(n) {
		return r.fail(name, wrongShape(name, t.Shape, []int64{int64(n)}))
	}
	vals := make([]float32, n)
	if err := t.Float32(vals); err != nil {
		return r.fail(name, err)
	}
	return r.kept(name, r.s.To(r.s.Floats(vals, int64(n)), r.m.DType))
}

// matrix loads a matrix [out, in]. 4-bit and int8 storages are dequantised in fp32 and rounded to the model's dtype.
func (r *reader) matrix(name string, out, in int) torch.Tensor {
	if r.first != nil || r.s.Err() != nil {
		return torch.Tensor{}
	}
	if made, ok := r.src.(maker); ok {
		return r.kept(name, made.make(r.s, name, r.m.DType, []int64{int64(out), int64(in)}))
	}
	l, err := r.src.Linear(name)
	if err != nil {
		return r.fail(name, err)
	}
	shape := []int64{int64(out), int64(in)}
	if l.Out != out || l.In != in {
		return r.fail(name, wrongShape(name, []int64{int64(l.Out), int64(l.In)}, shape))
	}
	plain := map[weights.DType]torch.DType{weights.F32: torch.Float32, weights.F16: torch.Float16, weights.BF16: torch.BFloat16}
	onHost := r.s.Device() < 0 && r.m.DType == torch.Float32
	t := r.s.In(func(s *torch.Scope) torch.Tensor {
		if l.Plain != nil && !onHost {
			return s.Copy(s.Borrow(l.Plain.Data, plain[l.Plain.DType], shape...), r.m.DType)
		}
		t := s.EmptyHost(torch.Float32, shape...)
		if s.Err() != nil {
			return t
		}
		if err := l.Float32(t.HostFloats()); err != nil {
			r.fail(name, err)
		}
		if onHost {
			return t
		}
		return s.Copy(t, r.m.DType)
	})
	return r.kept(name, t)
}

func (r *reader) kept(name string, t torch.Tensor) torch.Tensor {
	if err := r.s.Err(); err != nil {
		return r.fail(name, err)
	}
	return r.s.Keep(&r.m.owner, t)
}

func wrongShape(name string, got, want []int64) error {
	return core.Explain(fmt.Errorf("shape %v, want %v: %w", got, want, core.ErrCorrupt), "error.model.tensor.shape", name)
}

//go:build torch

package bert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// Load reads the sentence-transformers folder dir onto a device. Errors name the tensor; the sentinels are those of
// core/weights, core.ErrUnsupported, core.ErrNoDevice and core.ErrOutOfMemory.
func Load(ctx context.Context, dir string, opt LoadOptions, p core.Progress) (_ *Embedder, err error) {
	defer func() {
		if err != nil {
			err = readable(fmt.Errorf("load embedder %q: %w", filepath.Base(dir), err))
		}
	}()
	layout, err := ReadLayout(dir)
	if err != nil {
		return nil, err
	}
	e := &Embedder{}
	if e.folder, err = weights.Open(filepath.Join(dir, layout.Encoder)); err != nil {
		return nil, err
	}
	var cfg Config
	if err = e.folder.Config(&cfg); err == nil {
		err = cfg.Validate()
	}
	var how arithmetic
	if err == nil {
		e.dev, how, err = place(opt)
	}
	if err != nil {
		return nil, errors.Join(err, e.folder.Close())
	}
	limit := cfg.Positions - cfg.FirstPosition()
	if layout.MaxTokens <= 0 || layout.MaxTokens > limit {
		layout.MaxTokens = limit
	}

	// The tokenizer, the hashes and the weights take a few hundred ms each: side by side.
	tokens, id := make(chan error, 1), make(chan error, 1)
	go func() { tokens <- e.loadTokenizer(filepath.Join(dir, layout.Encoder), cfg, layout) }()
	var contents string
	go func() {
		var err error
		contents, err = e.folder.ID(ctx, nil)
		id <- err
	}()
	e.config = cfg
	e.model, err = how.load(ctx, e.dev, cfg, e.folder, p)
	if err = errors.Join(err, <-tokens, <-id); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.layout = layout
	e.info = core.EmbedderInfo{
		ID: identity(contents, layout), Name: filepath.Base(dir), Dimension: cfg.Hidden * len(layout.Pooling),
		MaxTokens: layout.MaxTokens, Device: e.dev.Name(),
	}
	return e, nil
}

func (e *Embedder) loadTokenizer(dir string, cfg Config, layout Layout) error {
	tok, own, last, err := openTokenizer(dir, cfg.ModelType)
	if err != nil {
		return err
	}
	e.tok = own
	if last >= cfg.Vocab {
		return core.Explain(fmt.Errorf("tokenizer of %d tokens for %d embeddings: %w", last+1, cfg.Vocab, core.ErrCorrupt), "error.model.tokenizer.vocabulary", last+1, cfg.Vocab)
	}
	e.reader, err = newReader(tok, layout, layout.MaxTokens)
	return err
}

// identity is 16 hex digits over the encoder's files and everything else that changes a vector.
func identity(contents string, l Layout) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", contents)
	_ = json.NewEncoder(h).Encode(l) // plain values into a hash: cannot fail
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// arithmetic is how a model computes: libtorch in a dtype, or our own kernels with codes.
type arithmetic struct {
	dtype   torch.DType
	own     bool
	codes   cpu.Codes
	set     cpu.Set // no kernels above it
	threads int
}

// place opens the device and settles the arithmetic.
func place(opt LoadOptions) (*device.Device, arithmetic, error) {
	how := arithmetic{threads: opt.Threads, set: cpu.AMX}
	dtypes := map[string]torch.DType{"fp32": torch.Float32, "bf16": torch.BFloat16, "fp16": torch.Float16}
	dtype, ok := dtypes[opt.DType]
	auto := opt.DType == "" || opt.DType == "auto"
	if !ok && !auto && opt.DType != "int8" {
		return nil, how, fmt.Errorf("dtype %q: %w (auto, fp32, bf16, fp16, int8)", opt.DType, core.ErrUsage)
	}
	dev, err := device.Open(opt.Device, opt.Threads)
	if err != nil {
		return nil, how, err
	}
	how.dtype = dtype
	switch {
	case auto && dev.CUDA():
		how.dtype = torch.Float16
	case auto:
		how.dtype = torch.Float32
		how.codes, how.own = cpu.FastCodes()
	case opt.DType == "int8" && dev.CUDA():
		return nil, how, fmt.Errorf("dtype int8 on %s: %w (it is for the CPU)", dev.Name(), core.ErrUsage)
	case !dev.CUDA():
		how.codes, how.own = codesNames[opt.DType]
	}
	return dev, how, nil
}

func (a arithmetic) load(ctx context.Context, dev *device.Device, cfg Config, src source, p core.Progress) (encoder, error) {
	if a.own {
		m, err := loadCPU(ctx, cfg, a.codes, a.set, a.threads, src, p)
		if err != nil {
			return nil, err // not m: a nil *cpuModel in an interface is not nil
		}
		return m, nil
	}
	m, err := loadModel(ctx, dev, cfg, a.dtype, src, p)
	if err != nil {
		return nil, err
	}
	return m, nil
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

// loadModel builds the model on dev; what was built is freed again when something fails.
func loadModel(ctx context.Context, dev *device.Device, cfg Config, dtype torch.DType, src source, p core.Progress) (*model, error) {
	m := &model{Config: cfg, dtype: dtype, layer: make([]layer, cfg.Layers)}
	m.prefix = prefix(src)
	total := int64(cfg.Layers + 1)
	p.Report(core.Update{Stage: "load", Total: total})
	err := dev.Do(ctx, func(s *torch.Scope) error { return m.loadEmbeddings(s, src) })
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
		closing := dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { m.owner.Close(); return nil })
		return nil, errors.Join(err, closing)
	}
	p.Report(core.Update{Stage: "load", Done: total, Total: total})
	return m, nil
}

// tensors reads tensors of a folder for a model and remembers the first error.
type tensors struct {
	m     *model
	s     *torch.Scope
	src   source
	first error
}

func (r *tensors) err() error {
	if r.first != nil {
		return r.first
	}
	return r.s.Err()
}

func (r *tensors) fail(name string, err error) {
	if r.first == nil && err != nil {
		r.first = fmt.Errorf("tensor %q: %w", name, err)
	}
}

// get finds a tensor by any of its names and checks its shape.
func (r *tensors) get(shape []int, names ...string) (weights.Tensor, bool) {
	if r.err() != nil {
		return weights.Tensor{}, false
	}
	name := names[0]
	for _, n := range names {
		if r.src.Has(r.m.prefix + n) {
			name = n
			break
		}
	}
	t, err := r.src.Tensor(r.m.prefix + name)
	if err != nil {
		r.fail(name, err)
		return t, false
	}
	want := make([]int64, len(shape))
	for i, d := range shape {
		want[i] = int64(d)
	}
	if !slices.Equal(want, t.Shape) {
		r.fail(name, core.Explain(fmt.Errorf("shape %v, want %v: %w", t.Shape, want, core.ErrCorrupt), "error.model.tensor.shape", name))
		return t, false
	}
	if !t.DType.Float() {
		r.fail(name, fmt.Errorf("type %v: %w", t.DType, core.ErrUnsupported))
		return t, false
	}
	return t, true
}

// floats reads a tensor as fp32 into dst.
func (r *tensors) floats(dst []float32, shape []int, names ...string) {
	if t, ok := r.get(shape, names...); ok {
		r.fail(names[0], t.Float32(dst))
	}
}

// keep makes a tensor of the model of fp32 values that fill writes.
func (r *tensors) keep(fill func(dst []float32), shape ...int64) torch.Tensor {
	if r.err() != nil {
		return torch.Tensor{}
	}
	t := r.s.In(func(s *torch.Scope) torch.Tensor {
		host := s.EmptyHost(torch.Float32, shape...)
		if s.Err() != nil {
			return host
		}
		fill(host.HostFloats())
		return s.To(host, r.m.dtype)
	})
	return r.s.Keep(&r.m.owner, t)
}

func (r *tensors) vector(n int, names ...string) torch.Tensor {
	return r.keep(func(dst []float32) { r.floats(dst, []int{n}, names...) }, int64(n))
}

// norm reads a LayerNorm; old files call its weight gamma and its bias beta.
func (r *tensors) norm(name string) norm {
	h := r.m.Hidden
	return norm{r.vector(h, name+".weight", name+".gamma"), r.vector(h, name+".bias", name+".beta")}
}

// linear reads matrices [out, in] of the same input as one, stacked.
func (r *tensors) linear(out, in int, names ...string) linear {
	return linear{
		w: r.keep(func(dst []float32) {
			for i, name := range names {
				r.floats(dst[i*out*in:(i+1)*out*in], []int{out, in}, name+".weight")
			}
		}, int64(len(names)*out), int64(in)),
		b: r.keep(func(dst []float32) {
			for i, name := range names {
				r.floats(dst[i*out:(i+1)*out], []int{out}, name+".bias")
			}
		}, int64(len(names)*out)),
	}
}

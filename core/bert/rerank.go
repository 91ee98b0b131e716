//go:build torch

package bert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

// Reranker is core.Reranker over one folder of a cross-encoder: an encoder of the family with a head of one label. Safe for concurrent use.
type Reranker struct {
	held
	info  core.RerankerInfo
	head  scorer
	pairs *pairs
}

var _ core.Reranker = (*Reranker)(nil)

// LoadReranker reads the folder dir onto a device. Errors are those of Load; a folder that is no cross-encoder of one label is an explained
// core.ErrUnsupported. With opt.Base dir is a LoRA adapter for sequence classification as PEFT writes it, and Base the folder of the encoder that it changes, whose
// tokenizer and limits hold: the adapter is added to the weights as they are loaded. One of another encoder, or damaged, is an explained core.ErrCorrupt,
// core.ErrNotFound or core.ErrUnsupported.
func LoadReranker(ctx context.Context, dir string, opt LoadOptions, p core.Progress) (_ *Reranker, err error) {
	defer func() {
		if err != nil {
			err = readable(fmt.Errorf("load reranker %q: %w", filepath.Base(dir), err))
		}
	}()
	whole, parts, err := openAdapter(dir, opt.Base)
	if err != nil {
		return nil, err
	}
	var layout Layout
	if err := layout.readLimits(whole); err != nil {
		return nil, err
	}
	r := &Reranker{}
	if r.folder, err = weights.Open(whole); err != nil {
		return nil, err
	}
	var cfg Config
	var classes Classes
	var how arithmetic
	if err = errors.Join(r.folder.Config(&cfg), r.folder.Config(&classes)); err == nil && parts == nil {
		err = classes.Validate()
	}
	if err == nil {
		err = cfg.Validate()
	}
	if err == nil {
		r.dev, how, err = place(opt)
	}
	if err != nil {
		return nil, errors.Join(err, r.folder.Close())
	}
	limit := cfg.Positions - cfg.FirstPosition()
	if layout.MaxTokens <= 0 || layout.MaxTokens > limit {
		layout.MaxTokens = limit
	}
	fail := func(err error) (*Reranker, error) { return nil, errors.Join(err, r.Close()) }
	tok, own, last, err := openTokenizer(whole, cfg.ModelType)
	r.tok = own
	if err == nil && last >= cfg.Vocab {
		err = core.Explain(fmt.Errorf("tokenizer of %d tokens for %d embeddings: %w", last+1, cfg.Vocab, core.ErrCorrupt), "error.model.tokenizer.vocabulary", last+1, cfg.Vocab)
	}
	if err != nil {
		return fail(err)
	}
	form, err := readPairForm(whole, cfg.ModelType)
	if err != nil {
		return fail(err)
	}
	if r.pairs, err = newPairs(tok, form, layout, layout.MaxTokens); err != nil {
		return fail(err)
	}
	cfg.second = cfg.Types > 1 && form.typed
	var src source = r.folder
	if parts != nil {
		if src, err = adapt(r.folder, cfg, parts); err != nil {
			return fail(err)
		}
	}
	if err = r.head.load(cfg, src); err != nil {
		return fail(err)
	}
	if r.model, err = how.load(ctx, r.dev, cfg, src, p); err != nil {
		r.model = nil
		return fail(err)
	}
	id, err := r.folder.ID(ctx, nil)
	if err != nil {
		return fail(err)
	}
	if parts != nil {
		id = joined(id, parts.ID())
	}
	r.info = core.RerankerInfo{ID: id, Name: filepath.Base(dir), MaxTokens: layout.MaxTokens, Device: r.dev.Name()}
	return r, nil
}

// openAdapter is the folder of the encoder that a reranker's folder stands for, and the adapter to put on it, if it is one.
func openAdapter(dir, base string) (whole string, parts *lora.Parts, err error) {
	if base == "" {
		return dir, nil, nil
	}
	if parts, err = lora.ReadParts(dir); err != nil {
		return "", nil, err
	}
	layout, err := ReadLayout(base)
	return filepath.Join(base, layout.Encoder), parts, err
}

// joined is an ID over two.
func joined(base, adapter string) string {
	h := sha256.Sum256([]byte(base + "\n" + adapter + "\n"))
	return hex.EncodeToString(h[:8])
}

// load reads the head: pooler and classifier of BERT, the classification head of the RoBERTa family.
func (s *scorer) load(cfg Config, src source) error {
	r := &tensors{m: &model{Config: cfg}, s: torch.NewScope(-1), src: src} // names from the root; nothing is put into the Scope
	h := cfg.Hidden
	s.dense, s.bias, s.out = make([]float32, h*h), make([]float32, h), make([]float32, h)
	dense, out := prefix(src)+"pooler.dense", "classifier"
	if cfg.ModelType != "bert" {
		dense, out = "classifier.dense", "classifier.out_proj"
	}
	one := make([]float32, 1)
	r.floats(s.dense, []int{h, h}, dense+".weight")
	r.floats(s.bias, []int{h}, dense+".bias")
	r.floats(s.out, []int{1, h}, out+".weight")
	r.floats(one, []int{1}, out+".bias")
	s.outBias = one[0]
	return r.err()
}

// Info names the reranker.
func (r *Reranker) Info() core.RerankerInfo { return r.info }

// Rerank gives the logit of each text for the question, in their order. Where both do not fit, the longer one is cut.
func (r *Reranker) Rerank(ctx context.Context, question string, texts []string) ([]float32, error) {
	r.use.RLock()
	defer r.use.RUnlock()
	if r.closed {
		return nil, fmt.Errorf("rerank: reranker is closed: %w", core.ErrNoModel)
	}
	asked := r.pairs.tokens(question)
	windows := make([]window, len(texts))
	for i, t := range texts {
		windows[i] = r.pairs.pair(i, asked, r.pairs.tokens(t))
	}
	_, budget := r.budgets()
	out := make([]float32, len(texts))
	h := len(r.head.out)
	for _, b := range batches(windows, budget) {
		states := make([]float32, len(b.windows)*h)
		err := r.dev.Do(ctx, func(s *torch.Scope) error { return r.model.vectors(s, b, []string{"cls"}, states) })
		if err != nil {
			return nil, readable(fmt.Errorf("rerank %d texts: %w", len(texts), err))
		}
		for i, w := range b.windows {
			score := r.head.score(states[i*h : (i+1)*h])
			if math.IsNaN(float64(score)) || math.IsInf(float64(score), 0) {
				return nil, fmt.Errorf("rerank text %d: no finite score: %w", w.text, core.ErrCorrupt)
			}
			out[w.text] = score
		}
	}
	return out, nil
}

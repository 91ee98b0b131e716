package weights

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/core/token"
)

// Kind is what a model folder is to be used as.
type Kind string

// The kinds of models.
const (
	Generator Kind = "generator" // GPT-NeoX
	Embedder  Kind = "embedder"  // BERT, XLM-RoBERTa
)

// Report is what Check found out about a sound folder.
type Report struct {
	Kind         Kind             `json:"kind"`
	Architecture string           `json:"architecture"` // config.json's model_type
	Files        []File           `json:"files"`        // without hashes
	Bytes        int64            `json:"bytes"`        // of all tensors as stored
	Parameters   int64            `json:"parameters"`   // of the weights the model uses
	Storage      string           `json:"storage"`      // of the linears: "F32", "F16", "BF16", "NF4", "I8"
	Layers       int              `json:"layers"`
	Hidden       int              `json:"hidden"`
	Heads        int              `json:"heads"`
	FFN          int              `json:"ffn"`
	Vocab        int              `json:"vocab"`      // rows of the embedding
	MaxTokens    int              `json:"max_tokens"` // positions
	Tied         bool             `json:"tied"`       // output embedding is the input one
	Tokenizer    token.Vocabulary `json:"tokenizer"`
	Tensors      int              `json:"tensors"`
	Unused       []string         `json:"unused,omitempty"` // tensors the model has no use for
}

// vocabSlack is how many rows an embedding may have beyond the tokenizer's ids: models round up to a multiple.
const vocabSlack = 1024

// Check examines a model folder before it is imported: architecture, the shape of every tensor against config.json,
// the tokenizer against the embedding, and every value for NaN and infinity. Nothing is written. Stages "files", "tensors"
// and "tokenizer" come in this order, then "verify" reports bytes scanned.
//
// Every defect is an error with a sentence: core.ErrUnsupported for what Kakoi cannot run, core.ErrCorrupt and
// core.ErrNotFound for what is broken or missing.
func Check(ctx context.Context, dir string, kind Kind, p core.Progress) (Report, error) {
	p.Report(core.Update{Stage: "files"})
	f, err := Open(dir)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	r, err := f.look(kind, p)
	if err != nil {
		return Report{}, err
	}
	if err := f.finite(ctx, p); err != nil {
		return Report{}, err
	}
	return r, nil
}

// Look is Check without a look at the values: it reads headers only.
func Look(dir string, kind Kind) (Report, error) {
	f, err := Open(dir)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	return f.look(kind, nil)
}

func (f *Folder) look(kind Kind, p core.Progress) (Report, error) {
	r := Report{Kind: kind, Bytes: f.Bytes(), Tensors: len(f.names)}
	c := &checker{folder: f, report: &r, used: map[string]bool{}}
	p.Report(core.Update{Stage: "tensors"})
	if err := c.architecture(kind); err != nil {
		return Report{}, err
	}
	p.Report(core.Update{Stage: "tokenizer"})
	if err := c.vocabulary(f.dir); err != nil {
		return Report{}, err
	}
	for _, name := range f.names {
		if !c.used[name] {
			r.Unused = append(r.Unused, name)
		}
	}
	var err error
	if r.Files, err = f.Files(); err != nil {
		return Report{}, err
	}
	return r, nil
}

// checker walks over a folder's tensors.
type checker struct {
	folder *Folder
	report *Report
	used   map[string]bool
}

func (c *checker) architecture(kind Kind) error {
	var m struct {
		ModelType     string   `json:"model_type"`
		Architectures []string `json:"architectures"`
	}
	if err := c.folder.Config(&m); err != nil {
		return err
	}
	c.report.Architecture = m.ModelType
	switch {
	case kind == Generator && m.ModelType == "gpt_neox":
		return c.neox()
	case kind == Embedder && (m.ModelType == "bert" || m.ModelType == "xlm-roberta"):
		return c.bert()
	}
	name := m.ModelType
	if name == "" && len(m.Architectures) > 0 {
		name = m.Architectures[0]
	}
	if name == "" {
		name = "?"
	}
	return core.Explain(fmt.Errorf("%s of type %q in %q: %w", kind, name, c.folder.dir, core.ErrUnsupported), "error.model.architecture."+string(kind), name)
}

// vocabulary holds the tokenizer against the rows of the embedding.
func (c *checker) vocabulary(dir string) error {
	v, err := token.ReadVocabulary(dir)
	if errors.Is(err, core.ErrNotFound) && c.report.Architecture == "bert" {
		// Old BERT folders have a list of words only, one a line.
		if words, rerr := readSmall(dir, "vocab.txt"); rerr == nil {
			v, err = token.Vocabulary{File: "vocab.txt", Kind: "WordPiece", Size: len(bytes.Split(bytes.TrimSuffix(words, []byte("\n")), []byte("\n")))}, nil
		}
	}
	if err != nil {
		return err
	}
	c.report.Tokenizer = v
	if rows := c.report.Vocab; v.Size > rows || rows-v.Size > max(vocabSlack, rows/64) {
		return core.Explain(fmt.Errorf("tokenizer of %q has %d ids, the embedding %d rows: %w", dir, v.Size, rows, core.ErrCorrupt),
			"error.model.tokenizer.vocabulary", v.Size, rows)
	}
	return nil
}

// matrix checks a weight [out, in] in any storage; storage, if wanted, gets its name.
func (c *checker) matrix(name string, out, in int, storage *string) error {
	l, err := c.folder.Linear(name)
	if err != nil {
		return err
	}
	if l.Out != out || l.In != in {
		return badShape(name, []int64{int64(l.Out), int64(l.In)}, []int64{int64(out), int64(in)})
	}
	c.mark(name)
	c.report.Parameters += int64(out) * int64(in)
	if storage != nil {
		s := "NF4"
		switch {
		case l.Plain != nil:
			s = l.Plain.DType.String()
		case l.Int8 != nil:
			s = "I8"
		}
		if *storage != "" && *storage != s {
			s = "mixed"
		}
		*storage = s
	}
	return nil
}

// mark notes a tensor and those stored beside it as used.
func (c *checker) mark(name string) {
	c.used[name] = true
	for _, suffix := range []string{".scale", ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".quant_state.bitsandbytes__nf4"} {
		c.used[name+suffix] = true
	}
}

// vector checks a float tensor of n elements; of several names the first that exists counts.
func (c *checker) vector(n int, names ...string) error {
	name := names[0]
	for _, x := range slices.Backward(names) {
		if c.folder.Has(x) {
			name = x
		}
	}
	t, err := c.folder.Tensor(name)
	if err != nil {
		return err
	}
	if len(t.Shape) != 1 || t.Shape[0] != int64(n) {
		return badShape(name, t.Shape, []int64{int64(n)})
	}
	if !t.DType.Float() {
		return core.Explain(fmt.Errorf("tensor %q of type %v: %w", name, t.DType, core.ErrUnsupported), "error.model.dtype", name, t.DType.String())
	}
	c.used[name] = true
	c.report.Parameters += int64(n)
	return nil
}

// sizes refuses numbers of config.json that no model has, before anything is multiplied with them.
func (c *checker) sizes(values ...int) error {
	for _, v := range values {
		if v <= 0 || v > 1<<24 {
			return core.Explain(fmt.Errorf("config.json of %q: size %d: %w", c.folder.dir, v, core.ErrCorrupt), "error.model.config", c.folder.dir)
		}
	}
	return nil
}

func first(errs ...func() error) error {
	for _, f := range errs {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

var errNotFinite = errors.New("not a finite number")

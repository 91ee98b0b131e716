package weights

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"kakoi/core"
)

// Shape says what Generate makes.
type Shape struct {
	Model     string // config.json's model_type: "gpt_neox", "bert", "xlm-roberta"
	Layers    int
	Hidden    int
	Heads     int
	FFN       int
	Vocab     int
	MaxTokens int
	DType     DType   // F16, BF16 or F32
	Tied      bool    // GPT-NeoX: no embed_out.weight
	Parallel  bool    // GPT-NeoX: use_parallel_residual
	RotaryPct float64 // GPT-NeoX
}

// Rinna4B is the shape of rinna/bilingual-gpt-neox-4b: 3,796,120,064 parameters, 7.6 GB.
var Rinna4B = Shape{
	Model: "gpt_neox", Layers: 36, Hidden: 2816, Heads: 22, FFN: 11264, Vocab: 65536, MaxTokens: 2048, DType: F16, RotaryPct: 1,
}

// Layout says how Generate lays out the weights.
type Layout string

// The layouts of the hub.
const (
	Single     Layout = "safetensors" // model.safetensors
	Sharded    Layout = "sharded"     // model-0000i-of-0000n.safetensors with model.safetensors.index.json
	TorchBin   Layout = "bin"         // pytorch_model.bin
	TorchShard Layout = "bin-sharded" // pytorch_model-0000i-of-0000n.bin with pytorch_model.bin.index.json
)

// GenerateParams are the arguments of Generate.
type GenerateParams struct {
	Shape      Shape
	Layout     Layout
	Seed       uint64
	ShardBytes int64             // of a shard at most; 0: 2 GB. A tensor is never cut.
	Files      map[string][]byte // tokenizer files by name; a spiece.model is filled up to Vocab with unused pieces
}

// Generate writes a model folder with random weights (normal, 0.02; LayerNorms around 1), the same for the same
// seed, streaming: memory does not grow with the shape. Stage "convert" reports bytes. The folder must not exist or
// be empty.
func Generate(ctx context.Context, dir string, g GenerateParams, p core.Progress) error {
	specs, config, err := g.Shape.specs()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("generate %q: %w", dir, err)
	}
	if old, err := os.ReadDir(dir); err != nil || len(old) > 0 {
		return fmt.Errorf("generate %q: folder is not empty (%v): %w", dir, err, core.ErrUsage)
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("generate %q: %w", dir, err)
	}
	files := map[string][]byte{"config.json": text}
	for name, b := range g.Files {
		if name == "spiece.model" {
			if b, err = fillPieces(b, g.Shape.Vocab); err != nil {
				return err
			}
		}
		files[name] = b
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("generate %q: %w", dir, err)
		}
	}
	var total int64
	for _, s := range specs {
		n, err := s.bytes()
		if err != nil {
			return err
		}
		total += n
	}
	src := newNoise(g.Seed)
	done := int64(0)
	write := func(s Spec, w io.Writer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := src.tensor(s, w); err != nil {
			return err
		}
		n, _ := s.bytes()
		done += n
		p.Report(core.Update{Stage: "convert", Done: done, Total: total, Note: s.Name})
		return nil
	}
	return g.write(dir, specs, total, write)
}

// write lays the tensors out.
func (g GenerateParams) write(dir string, specs []Spec, total int64, data func(Spec, io.Writer) error) error {
	save, stem, ext := WriteSafetensors, "model", "safetensors"
	if g.Layout == TorchBin || g.Layout == TorchShard {
		save, stem, ext = writeTorch, "pytorch_model", "bin"
	}
	file := func(name string, specs []Spec) error {
		return save(filepath.Join(dir, name), specs, func(i int, w io.Writer) error { return data(specs[i], w) })
	}
	switch g.Layout {
	case Single, TorchBin:
		return file(stem+"."+ext, specs)
	case Sharded, TorchShard:
	default:
		return fmt.Errorf("generate %q: layout %q: %w", dir, g.Layout, core.ErrUsage)
	}
	limit := g.ShardBytes
	if limit <= 0 {
		limit = 2_000_000_000
	}
	shards := [][]Spec{nil}
	room := limit
	for _, s := range specs {
		n, err := s.bytes()
		if err != nil {
			return err
		}
		if last := len(shards) - 1; n > room && shards[last] != nil {
			shards, room = append(shards, nil), limit
		}
		shards[len(shards)-1] = append(shards[len(shards)-1], s)
		room -= n
	}
	index := map[string]string{}
	for i, part := range shards {
		name := fmt.Sprintf("%s-%05d-of-%05d.%s", stem, i+1, len(shards), ext)
		if err := file(name, part); err != nil {
			return err
		}
		for _, s := range part {
			index[s.Name] = name
		}
	}
	b, err := json.MarshalIndent(map[string]any{"metadata": map[string]int64{"total_size": total}, "weight_map": index}, "", "  ")
	if err != nil {
		return fmt.Errorf("generate %q: %w", dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, stem+"."+ext+".index.json"), b, 0o600); err != nil {
		return fmt.Errorf("generate %q: %w", dir, err)
	}
	return nil
}

// specs lists the tensors of the shape, in the order of the model, and config.json.
func (s Shape) specs() ([]Spec, map[string]any, error) {
	if s.Layers < 1 || s.Hidden < 1 || s.Heads < 1 || s.Hidden%s.Heads != 0 || s.FFN < 1 || s.Vocab < 1 || s.MaxTokens < 1 {
		return nil, nil, fmt.Errorf("shape %+v: %w", s, core.ErrUsage)
	}
	torch, ok := map[DType]string{F16: "float16", BF16: "bfloat16", F32: "float32"}[s.DType]
	if !ok {
		return nil, nil, fmt.Errorf("shape of %v: %w", s.DType, core.ErrUsage)
	}
	h, v, f := int64(s.Hidden), int64(s.Vocab), int64(s.FFN)
	l := &specList{dtype: s.DType}
	config := map[string]any{
		"model_type": s.Model, "num_hidden_layers": s.Layers, "hidden_size": s.Hidden, "num_attention_heads": s.Heads,
		"intermediate_size": s.FFN, "vocab_size": s.Vocab, "max_position_embeddings": s.MaxTokens, "torch_dtype": torch,
		"hidden_act": "gelu", "initializer_range": 0.02,
	}
	switch s.Model {
	case "gpt_neox":
		for k, x := range map[string]any{
			"architectures": []string{"GPTNeoXForCausalLM"}, "layer_norm_eps": 1e-5, "rotary_pct": s.RotaryPct, "rotary_emb_base": 10000,
			"use_parallel_residual": s.Parallel, "tie_word_embeddings": s.Tied, "bos_token_id": 1, "eos_token_id": 2, "use_cache": true,
		} {
			config[k] = x
		}
		l.add("gpt_neox.embed_in.weight", v, h)
		for i := range s.Layers {
			p := fmt.Sprintf("gpt_neox.layers.%d.", i)
			l.norm(p+"input_layernorm", h)
			l.norm(p+"post_attention_layernorm", h)
			l.linear(p+"attention.query_key_value", 3*h, h)
			l.linear(p+"attention.dense", h, h)
			l.linear(p+"mlp.dense_h_to_4h", f, h)
			l.linear(p+"mlp.dense_4h_to_h", h, f)
		}
		l.norm("gpt_neox.final_layer_norm", h)
		if !s.Tied {
			l.add("embed_out.weight", v, h)
		}
	case "bert", "xlm-roberta":
		arch, types, eps := "BertModel", int64(2), 1e-12
		if s.Model == "xlm-roberta" {
			arch, types, eps = "XLMRobertaModel", 1, 1e-5
			config["pad_token_id"] = 1
		}
		config["architectures"], config["type_vocab_size"], config["layer_norm_eps"] = []string{arch}, types, eps
		l.add("embeddings.word_embeddings.weight", v, h)
		l.add("embeddings.position_embeddings.weight", int64(s.MaxTokens), h)
		l.add("embeddings.token_type_embeddings.weight", types, h)
		l.norm("embeddings.LayerNorm", h)
		for i := range s.Layers {
			p := fmt.Sprintf("encoder.layer.%d.", i)
			l.linear(p+"attention.self.query", h, h)
			l.linear(p+"attention.self.key", h, h)
			l.linear(p+"attention.self.value", h, h)
			l.linear(p+"attention.output.dense", h, h)
			l.norm(p+"attention.output.LayerNorm", h)
			l.linear(p+"intermediate.dense", f, h)
			l.linear(p+"output.dense", h, f)
			l.norm(p+"output.LayerNorm", h)
		}
	default:
		return nil, nil, fmt.Errorf("model %q: %w", s.Model, core.ErrUnsupported)
	}
	return l.specs, config, nil
}

type specList struct {
	dtype DType
	specs []Spec
}

func (l *specList) add(name string, shape ...int64) {
	l.specs = append(l.specs, Spec{Name: name, DType: l.dtype, Shape: shape})
}

func (l *specList) linear(name string, out, in int64) {
	l.add(name+".weight", out, in)
	l.add(name+".bias", out)
}

func (l *specList) norm(name string, n int64) {
	l.add(name+".weight", n)
	l.add(name+".bias", n)
}

// Parameters is the number of weights a folder of the shape has.
func (s Shape) Parameters() (int64, error) {
	specs, _, err := s.specs()
	if err != nil {
		return 0, err
	}
	var n int64
	for _, x := range specs {
		b, err := x.bytes()
		if err != nil {
			return 0, err
		}
		n += b / int64(x.DType.Size())
	}
	return n, nil
}

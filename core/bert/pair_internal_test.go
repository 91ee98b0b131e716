package bert

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
)

// TestPairForm: tokenizer.json says how two texts go together, also where it is another family's than the encoder.
func TestPairForm(t *testing.T) {
	const (
		xlmr = `{"type": "TemplateProcessing", "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
			{"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]}`
		bert = `{"type": "TemplateProcessing", "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
			{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]}`
		reversed = `{"type": "TemplateProcessing", "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
			{"Sequence": {"id": "A", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]}`
	)
	twice, typed := pairForm{twice: true}, pairForm{typed: true}
	for _, c := range []struct {
		name, model, post, config string
		want                      pairForm
		bad                       error
	}{
		{"a BERT with the tokenizer of XLM-R", "bert", xlmr, `{"tokenizer_class": "XLMRobertaTokenizer"}`, twice, nil},
		{"XLM-R", "xlm-roberta", xlmr, "", twice, nil},
		{"BERT", "bert", bert, `{"tokenizer_class": "BertTokenizer"}`, typed, nil},
		{"types that are kept back", "bert", bert, `{"model_input_names": ["input_ids", "attention_mask"]}`, pairForm{}, nil},
		{"an old RoBERTa", "roberta", `{"type": "RobertaProcessing"}`, "", twice, nil},
		{"an old BERT", "bert", `{"type": "BertProcessing"}`, "", typed, nil},
		{"one of several steps", "bert", `{"type": "Sequence", "processors": [{"type": "ByteLevel"}, ` + xlmr + `]}`, "", twice, nil},
		{"nothing of pairs", "bert", `null`, "", typed, nil},
		{"no tokenizer.json", "xlm-roberta", "", "", twice, nil},
		{"the text first", "bert", reversed, "", pairForm{}, core.ErrUnsupported},
		{"no object", "bert", `[1]`, "", pairForm{}, core.ErrCorrupt},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"tokenizer.json": `{"post_processor": ` + c.post + `}`, "tokenizer_config.json": c.config} {
			if text == "" || c.post == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readPairForm(dir, c.model)
		if !errors.Is(err, c.bad) || c.bad == nil && got != c.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", c.name, got, err, c.want, c.bad)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sentencepiece.bpe.model"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readPairForm(dir, "bert"); err != nil || got != twice {
		t.Errorf("a BERT with pieces of XLM-R: %+v, %v", got, err)
	}
}

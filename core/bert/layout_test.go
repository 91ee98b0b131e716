package bert_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"kakoi/core/bert"
)

func TestReadLayout(t *testing.T) {
	const three = `[{"path": "0_T", "type": "sentence_transformers.models.Transformer"}, {"path": "1_P", "type": "sentence_transformers.models.Pooling"}, {"path": "2_N", "type": "sentence_transformers.models.Normalize"}]`
	for _, c := range []struct {
		name  string
		files map[string]string
		want  bert.Layout
	}{
		{"bare", nil, bert.Layout{Pooling: []string{"mean"}, IncludePrompt: true}},
		{"encoder below, old pooling flags", map[string]string{
			"modules.json": three, "1_P/config.json": `{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": false}`,
			"0_T/sentence_roberta_config.json": `{"max_seq_length": 99, "do_lower_case": true}`,
		}, bert.Layout{Encoder: "0_T", Pooling: []string{"cls", "max"}, IncludePrompt: true, MaxTokens: 99, LowerCase: true}},
		{"new pooling, prompts", map[string]string{
			"modules.json": three, "1_P/config.json": `{"embedding_dimension": 8, "pooling_mode": "lasttoken", "include_prompt": false}`,
			"config_sentence_transformers.json": `{"prompts": {"query": "q: ", "document": "d: ", "passage": "p: "}}`,
			"0_T/tokenizer_config.json":         `{"model_max_length": 512}`,
		}, bert.Layout{Encoder: "0_T", Pooling: []string{"lasttoken"}, MaxTokens: 512, Query: "q: ", Passage: "d: "}},
		{"no limit", map[string]string{"tokenizer_config.json": `{"model_max_length": 1000000000000000019884624838656}`}, bert.Layout{Pooling: []string{"mean"}, IncludePrompt: true}},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := bert.ReadLayout(dir)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

// A folder's position numbers: BERT from 0, RoBERTa's family from one after the padding id.
func TestFirstPosition(t *testing.T) {
	pad := 5
	for _, c := range []struct {
		config bert.Config
		want   int
	}{
		{bert.Config{ModelType: "bert", PadID: &pad}, 0},
		{bert.Config{ModelType: "xlm-roberta", PadID: &pad}, 6},
		{bert.Config{ModelType: "roberta"}, 2},
	} {
		if got := c.config.FirstPosition(); got != c.want {
			t.Errorf("%s: %d, want %d", c.config.ModelType, got, c.want)
		}
	}
}

package bert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kakoi/core"
	"kakoi/core/token"
)

// openTokenizer opens the tokenizer of an encoder's folder: tokenizer.json; where there is none, XLM-R's
// sentencepiece.bpe.model or BERT's vocab.txt. last is the highest id it can give.
func openTokenizer(dir, modelType string) (_ tokenizer, own *token.Tokenizer, last int, err error) {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return !errors.Is(err, fs.ErrNotExist)
	}
	switch {
	case has("tokenizer.json"):
		own, err = token.Load(dir)
	case has("sentencepiece.bpe.model") && (modelType == "bert" || modelType == "xlm-roberta"):
		if own, err = token.Load(dir); err == nil {
			f := fairseq{own}
			return f, own, own.VocabSize(), nil
		}
	case has("vocab.txt") && modelType == "bert":
		var data []byte
		if data, err = wordPiece(dir); err == nil {
			own, err = token.FromJSON(data)
		}
	default:
		err = core.Explain(fmt.Errorf("no tokenizer in %q: %w", dir, core.ErrNotFound), "error.model.tokenizer.none", dir)
	}
	if err != nil {
		return nil, nil, 0, err
	}
	return own, own, own.VocabSize() - 1, nil
}

// fairseq numbers the pieces of a sentencepiece model as XLM-R does: <s> 0, <pad> 1, </s> 2, <unk> 3, then the
// model's pieces from its number 3 on.
type fairseq struct {
	pieces interface{ Encode(text string) []int32 }
}

func (f fairseq) Encode(text string) []int32 {
	ids := f.pieces.Encode(text)
	for i, id := range ids {
		if ids[i] = id + 1; id == 0 {
			ids[i] = 3
		}
	}
	return ids
}

func (f fairseq) EncodeSpecial(text string) []int32 {
	return append(append([]int32{0}, f.Encode(text)...), 2)
}

// wordPiece writes BERT's vocab.txt (one token a line, the line number its id) as a tokenizer.json, with the settings
// of tokenizer_config.json and the defaults of transformers' BertTokenizer.
func wordPiece(dir string) ([]byte, error) {
	broken := func(err error) error { return core.Explain(err, "error.model.tokenizer.broken") }
	set := struct {
		Lower   bool  `json:"do_lower_case"`
		Chinese bool  `json:"tokenize_chinese_chars"`
		Accents *bool `json:"strip_accents"`
	}{Lower: true, Chinese: true}
	if _, err := readJSON(dir, "tokenizer_config.json", &set); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "vocab.txt")
	if st, err := os.Stat(path); err != nil || st.Size() > maxSmall {
		return nil, broken(fmt.Errorf("read vocab.txt: %w", errors.Join(err, core.ErrCorrupt)))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read vocab.txt: %w", err)
	}
	vocab := map[string]int{}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		vocab[strings.TrimSuffix(line, "\r")] = i
	}
	type object = map[string]any
	var added []object
	for _, name := range []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} {
		id, ok := vocab[name]
		if !ok && name != "[PAD]" && name != "[MASK]" {
			return nil, broken(fmt.Errorf("read vocab.txt: no %s: %w", name, core.ErrCorrupt))
		}
		if ok {
			added = append(added, object{"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})
		}
	}
	special := func(name string) object { return object{"SpecialToken": object{"id": name, "type_id": 0}} }
	ids := func(name string) object {
		return object{"id": name, "ids": []int{vocab[name]}, "tokens": []string{name}}
	}
	text := object{"Sequence": object{"id": "A", "type_id": 0}}
	return json.Marshal(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer":    object{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": set.Chinese, "strip_accents": set.Accents, "lowercase": set.Lower},
		"pre_tokenizer": object{"type": "BertPreTokenizer"},
		"post_processor": object{
			"type": "TemplateProcessing", "single": []object{special("[CLS]"), text, special("[SEP]")},
			"pair":           []object{special("[CLS]"), text, special("[SEP]"), {"Sequence": object{"id": "B", "type_id": 1}}, {"SpecialToken": object{"id": "[SEP]", "type_id": 1}}},
			"special_tokens": object{"[CLS]": ids("[CLS]"), "[SEP]": ids("[SEP]")},
		},
		"decoder": object{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model":   object{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab},
	})
}

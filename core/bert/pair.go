package bert

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
)

// pairForm is how transformers' tokenizer of a folder puts two texts together.
type pairForm struct {
	twice bool // the special token between the two stands there twice
	typed bool // the second text, with the special token behind it, has the token type 1
}

// pairFormOf is the form of a family: [CLS] question [SEP] text [SEP] in BERT, the text of type 1; <s> question </s></s> text </s> in the RoBERTa family.
func pairFormOf(modelType string) pairForm {
	return pairForm{twice: modelType != "bert", typed: modelType == "bert"}
}

// readPairForm reads the form out of tokenizer.json; in a folder without one, or whose post-processor says nothing of pairs, it is that of the model's family. An encoder of
// one family may have a tokenizer of the other's (multilingual E5: a BERT with the tokenizer of XLM-R).
func readPairForm(dir, modelType string) (pairForm, error) {
	form := pairFormOf(modelType)
	var file struct {
		Post json.RawMessage `json:"post_processor"`
	}
	found, err := readJSON(dir, "tokenizer.json", &file)
	if err != nil {
		return form, err
	}
	if !found {
		if _, err := os.Stat(filepath.Join(dir, "sentencepiece.bpe.model")); err == nil {
			form = pairFormOf("xlm-roberta") // whose tokenizer that is
		}
		return form, nil
	}
	posts := []json.RawMessage{file.Post}
	for i := 0; i < len(posts) && i < 8; i++ {
		var post struct {
			Type  string            `json:"type"`
			Pair  []json.RawMessage `json:"pair"`
			Parts []json.RawMessage `json:"processors"`
		}
		if len(posts[i]) == 0 || string(posts[i]) == "null" {
			continue
		}
		if err := json.Unmarshal(posts[i], &post); err != nil {
			return form, unreadPair(fmt.Errorf("post_processor: %w: %w", err, core.ErrCorrupt))
		}
		switch post.Type {
		case "TemplateProcessing":
			if len(post.Pair) == 0 {
				continue
			}
			if form, err = readTemplate(post.Pair); err != nil {
				return form, err
			}
		case "BertProcessing":
			form = pairForm{typed: true}
		case "RobertaProcessing":
			form = pairForm{twice: true}
		case "Sequence":
			posts = append(posts, post.Parts...)
		}
	}
	return form, form.readTyped(dir)
}

func unreadPair(err error) error { return core.Explain(err, "error.embedder.config", "tokenizer.json") }

// readTemplate reads the template of a pair: one special token, A, one or two, B, one.
func readTemplate(pair []json.RawMessage) (pairForm, error) {
	type part struct {
		ID   string `json:"id"`
		Type int    `json:"type_id"`
	}
	shape, types := "", ""
	var specials []string
	for _, raw := range pair {
		var x struct {
			Special  *part `json:"SpecialToken"`
			Sequence *part `json:"Sequence"`
		}
		if err := json.Unmarshal(raw, &x); err != nil {
			return pairForm{}, unreadPair(fmt.Errorf("pair of tokenizer.json: %w: %w", err, core.ErrCorrupt))
		}
		switch {
		case x.Special != nil:
			shape, types = shape+".", types+fmt.Sprint(x.Special.Type)
			specials = append(specials, x.Special.ID)
		case x.Sequence != nil:
			shape, types = shape+x.Sequence.ID, types+fmt.Sprint(x.Sequence.Type)
		}
	}
	form := pairForm{twice: shape == ".A..B.", typed: strings.HasSuffix(types, "11")}
	known := shape == ".A.B." || form.twice
	// What newPairs puts between the two is what stands behind a single text.
	if !known || len(slices.Compact(slices.Clone(specials[1:]))) != 1 || strings.TrimRight(strings.TrimLeft(types, "0"), "1") != "" || form.typed != strings.Contains(types, "1") ||
		form.typed && strings.Count(types, "1") != 2 {
		return form, unreadPair(fmt.Errorf("pair of tokenizer.json is %s with the types %s: %w", shape, types, core.ErrUnsupported))
	}
	return form, nil
}

// readTyped looks whether transformers hands the token types on to the model: the RoBERTa family's tokenizers keep them to themselves.
func (f *pairForm) readTyped(dir string) error {
	var config struct {
		Class  string    `json:"tokenizer_class"`
		Inputs *[]string `json:"model_input_names"`
	}
	if _, err := readJSON(dir, "tokenizer_config.json", &config); err != nil {
		return err
	}
	if config.Inputs != nil {
		f.typed = f.typed && slices.Contains(*config.Inputs, "token_type_ids")
	} else if strings.Contains(config.Class, "Roberta") || strings.Contains(config.Class, "Camembert") {
		f.typed = false
	}
	return nil
}

// pairs turns a question and a text into one window, as transformers' tokenizers of the family pair them.
type pairs struct {
	*reader
	pairForm
}

// newPairs makes a reader of pairs of at most maxTokens tokens.
func newPairs(tok tokenizer, form pairForm, l Layout, maxTokens int) (*pairs, error) {
	r, err := newReader(tok, Layout{LowerCase: l.LowerCase}, maxTokens)
	if err != nil {
		return nil, err
	}
	p := &pairs{reader: r, pairForm: form}
	if len(r.after) != 1 || len(r.before) != 1 || maxTokens < 8 {
		return nil, core.Explain(fmt.Errorf("special tokens %v and %v, at most %d tokens: %w", r.before, r.after, maxTokens, core.ErrCorrupt), "error.embedder.config", "tokenizer.json")
	}
	return p, nil
}

// tokens of a question or a text, without special ones.
func (p *pairs) tokens(text string) []int32 { return p.tok.Encode(p.fold(text)) }

// pair is the window of a question and a text. Where there is no room for both, the longer one is cut at its end, down to the length of the other, then
// both: "longest_first", as sentence-transformers' CrossEncoder has it.
func (p *pairs) pair(i int, question, text []int32) window {
	special := len(p.before) + 2*len(p.after)
	if p.twice {
		special += len(p.after)
	}
	q, t := longestFirst(len(question), len(text), p.max-special)
	out := make([]int32, 0, special+q+t)
	out = append(append(append(out, p.before...), question[:q]...), p.after...)
	if p.twice {
		out = append(out, p.after...)
	}
	second := 0
	if p.typed {
		second = len(out)
	}
	out = append(append(out, text[:t]...), p.after...)
	return window{text: i, ids: out, second: second}
}

// longestFirst says what is left of two lengths that have room together.
func longestFirst(a, b, room int) (int, int) {
	if a+b <= room {
		return a, b
	}
	short, long := min(a, b), max(a, b)
	if short+short > room {
		short = room / 2
	}
	long = min(long, room-short)
	if a > b {
		return long, short
	}
	return short, long
}

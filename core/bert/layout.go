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
)

// Layout is what a sentence-transformers folder says beside the encoder itself.
type Layout struct {
	Encoder       string   `json:"encoder"` // folder of config.json, weights and tokenizer, below the model folder; often ""
	Pooling       []string `json:"pooling"` // "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken": joined in order
	IncludePrompt bool     `json:"include_prompt"`
	MaxTokens     int      `json:"max_tokens"` // special tokens included; 0: as many as there are positions
	LowerCase     bool     `json:"lower_case"`
	Query         string   `json:"query"`   // put before a question
	Passage       string   `json:"passage"` // put before a text to be found
}

// poolings are the names in the order in which sentence-transformers joins them.
var poolings = []struct{ flag, name string }{
	{"pooling_mode_cls_token", "cls"}, {"pooling_mode_max_tokens", "max"}, {"pooling_mode_mean_tokens", "mean"},
	{"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"}, {"pooling_mode_weightedmean_tokens", "weightedmean"},
	{"pooling_mode_lasttoken", "lasttoken"},
}

// ReadLayout reads modules.json and what it names. A folder without modules.json is an encoder with mean pooling, as
// sentence-transformers takes it. Other modules than Transformer, Pooling and Normalize are core.ErrUnsupported.
func ReadLayout(dir string) (Layout, error) {
	l := Layout{Pooling: []string{"mean"}, IncludePrompt: true}
	var modules []struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
	if _, err := readJSON(dir, "modules.json", &modules); err != nil {
		return l, err
	}
	for i, m := range modules {
		if !filepath.IsLocal(m.Path) && m.Path != "" {
			return l, core.Explain(fmt.Errorf("modules.json: path %q: %w", m.Path, core.ErrCorrupt), "error.embedder.config", "modules.json")
		}
		kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]
		switch {
		case kind == "Transformer" && i == 0:
			l.Encoder = m.Path
		case kind == "Pooling" && i == 1:
			if err := l.readPooling(filepath.Join(dir, m.Path)); err != nil {
				return l, err
			}
		case kind == "Normalize" && i == len(modules)-1: // vectors are always normalised
		default:
			return l, core.Explain(fmt.Errorf("module %d %q: %w", i, m.Type, core.ErrUnsupported), "error.embedder.module", kind)
		}
	}
	if len(modules) == 1 {
		return l, core.Explain(fmt.Errorf("modules.json names no pooling: %w", core.ErrUnsupported), "error.embedder.module", "Transformer")
	}
	if err := l.readPrompts(dir); err != nil {
		return l, err
	}
	return l, l.readLimits(filepath.Join(dir, l.Encoder))
}

func (l *Layout) readPooling(dir string) error {
	var raw map[string]json.RawMessage
	found, err := readJSON(dir, "config.json", &raw)
	if err != nil {
		return err
	}
	if !found {
		return core.Explain(fmt.Errorf("no %s/config.json: %w", filepath.Base(dir), core.ErrNotFound), "error.embedder.config", "Pooling")
	}
	var include bool
	if json.Unmarshal(raw["include_prompt"], &include) == nil {
		l.IncludePrompt = include
	}
	var names []string
	var one string
	switch mode := raw["pooling_mode"]; {
	case mode != nil && json.Unmarshal(mode, &one) == nil:
		names = []string{one}
	case mode != nil:
		if err := json.Unmarshal(mode, &names); err != nil {
			return core.Explain(fmt.Errorf("pooling_mode: %v: %w", err, core.ErrCorrupt), "error.embedder.config", "pooling_mode")
		}
	default:
		for _, p := range poolings {
			var on bool
			if json.Unmarshal(raw[p.flag], &on) == nil && on {
				names = append(names, p.name)
			}
		}
	}
	for _, name := range names {
		known := false
		for _, p := range poolings {
			known = known || p.name == name
		}
		if !known {
			return core.Explain(fmt.Errorf("pooling %q: %w", name, core.ErrUnsupported), "error.embedder.module", "Pooling "+name)
		}
	}
	if len(names) > 0 {
		l.Pooling = names
	}
	return nil
}

// readPrompts takes the prompts named for questions and for texts; where a name is missing, the folder's default.
func (l *Layout) readPrompts(dir string) error {
	var f struct {
		Prompts map[string]string `json:"prompts"`
		Default string            `json:"default_prompt_name"`
	}
	if _, err := readJSON(dir, "config_sentence_transformers.json", &f); err != nil {
		return err
	}
	pick := func(names ...string) string {
		for _, name := range names {
			if p, ok := f.Prompts[name]; ok {
				return p
			}
		}
		return ""
	}
	l.Query = pick("query", f.Default)
	l.Passage = pick("document", "passage", "corpus", f.Default)
	return nil
}

// readLimits reads the longest input and the case of the text.
func (l *Layout) readLimits(dir string) error {
	var own struct {
		MaxTokens int  `json:"max_seq_length"`
		LowerCase bool `json:"do_lower_case"`
	}
	for _, kind := range []string{"bert", "roberta", "xlm-roberta", "camembert"} {
		found, err := readJSON(dir, "sentence_"+kind+"_config.json", &own)
		if err != nil {
			return err
		}
		if found {
			break
		}
	}
	l.MaxTokens, l.LowerCase = own.MaxTokens, own.LowerCase
	if l.MaxTokens <= 0 {
		// Some files say 1e30 for "no limit".
		var tok struct {
			Max float64 `json:"model_max_length"`
		}
		if _, err := readJSON(dir, "tokenizer_config.json", &tok); err != nil {
			return err
		}
		l.MaxTokens = 0
		if tok.Max >= 1 && tok.Max < 1<<24 {
			l.MaxTokens = int(tok.Max)
		}
	}
	return nil
}

// maxSmall bounds the small files of a folder, in bytes.
const maxSmall = 16 << 20

func readJSON(dir, name string, to any) (found bool, err error) {
	path := filepath.Join(dir, name)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %q: %w", name, err)
	}
	if !st.Mode().IsRegular() || st.Size() > maxSmall {
		return false, core.Explain(fmt.Errorf("read %q: %d bytes: %w", name, st.Size(), core.ErrTooLarge), "error.embedder.config", name)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("read %q: %w", name, err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return false, core.Explain(fmt.Errorf("read %q: %v: %w", name, err, core.ErrCorrupt), "error.embedder.config", name)
	}
	return true, nil
}

package calibrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/core"
)

// version of a Record's form.
const version = 1

// Language is what was found for one language.
type Language struct {
	Refusal string `json:"refusal"` // the sentence; another one has other bounds
	Common  string `json:"common"`  // core.Refusal.Common
	Model   Point  `json:"model"`   // what the model came to by itself; its Bound has no meaning
	Bounds  Bounds `json:"bounds"`
}

// Record is the bounds of one model, or of one adapter, with how they were found.
type Record struct {
	Version   int                 `json:"version"`
	Model     string              `json:"model"`              // GeneratorInfo.ID
	Adapter   string              `json:"adapter,omitempty"`  // lora.Adapter.ID
	Evidence  string              `json:"evidence,omitempty"` // core.Evidence.ID of what its rows' prompts and probabilities came from; "": they had none
	Made      time.Time           `json:"made"`
	Method    string              `json:"method"` // what was asked and how it was judged
	Set       string              `json:"set"`    // of which questions
	Languages map[string]Language `json:"languages"`
	Across    Bounds              `json:"across,omitempty"` // CrossFit over all languages
}

// With is the record where it holds for answers from evidence of that ID ("": from none), else nil: probabilities of other evidence are others.
func (r *Record) With(evidence string) *Record {
	if r == nil || r.Evidence != evidence {
		return nil
	}
	return r
}

// Bound is that of a mode where the refusal is a certain sentence; false when that was not calibrated, and for Off.
func (r *Record) Bound(language, refusal string, mode Mode) (float64, bool) {
	l, ok := r.of(language, refusal)
	p, has := l.Bounds[mode]
	return p.Bound, ok && has
}

// Common is what a sentence was found to share with answers; false when it was not calibrated.
func (r *Record) Common(language, refusal string) (string, bool) {
	l, ok := r.of(language, refusal)
	return l.Common, ok
}

func (r *Record) of(language, refusal string) (Language, bool) {
	if r == nil {
		return Language{}, false
	}
	l, ok := r.Languages[language]
	return l, ok && l.Refusal == refusal
}

// New calibrates each language of rows by itself. sentences are the refusals by language, common what they share with answers. Languages
// with too few rows are left out; core.ErrEmpty when all are.
func New(rows []Row, plain func(i int) bool, sentences, common map[string]string, group func(i int) string) (*Record, error) {
	rec := &Record{Version: version, Languages: map[string]Language{}}
	var few error
	for language, sentence := range sentences {
		var mine []Row
		var refused []bool
		for i, r := range rows {
			if r.Language == language {
				mine, refused = append(mine, r), append(refused, plain(i))
			}
		}
		found, err := Find(mine)
		if errors.Is(err, core.ErrEmpty) {
			if len(mine) > 0 || few == nil {
				few = err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		i := 0
		model := Each(mine, func(Row) float64 { // what the model did is no bound: above or below whatever the probability was
			i++
			if refused[i-1] {
				return -1
			}
			return 2
		})
		model.Bound = 0
		rec.Languages[language] = Language{Refusal: sentence, Common: common[language], Model: model, Bounds: found}
	}
	if len(rec.Languages) == 0 && few == nil {
		few = fmt.Errorf("calibrate on no questions: %w", core.ErrEmpty)
	}
	if len(rec.Languages) == 0 {
		return nil, few
	}
	const seed = 1
	rec.Across = CrossFit(rows, group, seed)
	return rec, nil
}

// fewShare is the share of answers, and fewCount their number, that must begin as a refusal does before that counts as common.
const (
	fewShare = 0.02
	fewCount = 2
)

// Common is the longest beginning of a refusal that answers have too, both as they follow a prompt.
func Common(refusal string, answers []string) string {
	end := 0
	for i := range refusal + " " { // ends of runes
		with := 0
		for _, a := range answers {
			with += count(strings.HasPrefix(a, refusal[:i]))
		}
		if with < fewCount || float64(with) < fewShare*float64(len(answers)) {
			break
		}
		end = i
	}
	if end == len(refusal) { // the answers are refusals themselves
		return ""
	}
	return refusal[:end]
}

// FileName is the file of a model's folder that has its bounds; it is weights.Refusals.
const FileName = "refusal.json"

// Read reads a model folder's bounds: core.ErrNotFound where there are none.
func Read(dir string) (*Record, error) {
	raw, err := os.ReadFile(filepath.Join(dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("bounds of refusals: %w", core.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read bounds of refusals: %w", err)
	}
	return Parse(raw)
}

// Parse reads a Record: core.ErrCorrupt when it is none, core.ErrUnsupported when it is of a later version.
func Parse(raw []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("parse bounds of refusals: %w: %w", core.ErrCorrupt, err)
	}
	if r.Version != version {
		return nil, fmt.Errorf("bounds of refusals of version %d: %w", r.Version, core.ErrUnsupported)
	}
	for name, l := range r.Languages {
		for mode, p := range l.Bounds {
			if !slices.Contains(Modes, mode) || !(p.Bound >= 0 && p.Bound <= 1) {
				return nil, fmt.Errorf("bound %g of %s, %s: %w", p.Bound, name, mode, core.ErrCorrupt)
			}
		}
	}
	return r, nil
}

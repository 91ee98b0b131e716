package exam

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kakoi/core"
)

// Natural is a question as a person would ask it, with all forms of its right answer that count, or with none where the documents do not
// answer it. It is one line of a file of such questions:
//
//	{"set": "samples", "lang": "en", "kind": "fact", "question": "...", "accept": ["...", "..."], "gold": [{"document": "...", "text": "..."}]}
//	{"set": "samples", "lang": "en", "kind": "fact", "question": "...", "absent": ["...", "..."]}
//
// Empty lines and lines that begin with # are passed over. A document is named by the end of its name. Where "gold" has several places, the
// answer needs all of them.
type Natural struct {
	Line     int      `json:"line,omitempty"` // in the file, from 1 on
	Set      string   `json:"set"`            // the collection that it is asked of
	Lang     string   `json:"lang"`           // of the question: ja, en
	Kind     string   `json:"kind"`           // one of NaturalKinds
	Question string   `json:"question"`
	Accept   []string `json:"accept,omitempty"` // short literal answers, any of which is right; none: the documents do not answer
	Gold     []Place  `json:"gold,omitempty"`   // where the answer stands
	Absent   []string `json:"absent,omitempty"` // of an unanswerable one: words that an answer would need, in no document of the set
}

// Place is a stretch of a document's text, white space and widths aside.
type Place struct {
	Document string `json:"document"`
	Text     string `json:"text"`
}

// NaturalKinds are the kinds of questions in the order of reports: "era" asks for a year of the Japanese calendar, "typo" has typing mistakes,
// "cross" is asked in another language than the document's.
var NaturalKinds = []string{"fact", "how", "why", "which", "yesno", "count", "compare", "table", "era", "unit", "typo", "cross"}

// Languages of questions.
var Languages = []string{"ja", "en"}

// Answerable says whether the documents answer it.
func (q Natural) Answerable() bool { return len(q.Accept) > 0 }

// maxNaturalLine is the longest line of a file, in bytes.
const maxNaturalLine = 1 << 20

// IsNatural says whether a file is one of natural questions: a line of it is a JSON object with "question" and either "accept" or "absent".
// (Questions with one answer each, which core/dataset reads, have neither.)
func IsNatural(raw []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(raw, []byte("\ufeff"))) {
		var keys map[string]json.RawMessage
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] != '{' || json.Unmarshal(line, &keys) != nil {
			continue
		}
		_, question := keys["question"]
		_, accept := keys["accept"]
		_, absent := keys["absent"]
		if question && (accept || absent) {
			return true
		}
	}
	return false
}

// ParseNatural reads a file. Its errors name the line: core.ErrUsage, explained.
func ParseNatural(raw []byte) ([]Natural, error) {
	var all []Natural
	asked := map[string]int{}
	in := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	in.Buffer(nil, maxNaturalLine)
	n := 0
	for in.Scan() {
		n++
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		var q Natural
		if err := d.Decode(&q); err != nil {
			return nil, lineError(n, err, "error.questions.json")
		}
		if d.More() {
			return nil, lineError(n, errors.New("more than one object"), "error.questions.json")
		}
		q.Line = n
		if err := q.check(); err != nil {
			return nil, err
		}
		key := q.Set + "\x00" + Fold(q.Question)
		if first := asked[key]; first > 0 {
			return nil, lineError(n, fmt.Errorf("asked in line %d", first), "error.questions.twice", first)
		}
		asked[key] = n
		all = append(all, q)
	}
	if err := in.Err(); err != nil {
		return nil, lineError(n+1, err, "error.questions.json")
	}
	if len(all) == 0 {
		return nil, core.Explain(fmt.Errorf("question file without questions: %w", core.ErrUsage), "error.questions.empty")
	}
	return all, nil
}

func lineError(line int, err error, key string, args ...any) error {
	return core.Explain(fmt.Errorf("question file, line %d: %w: %w", line, err, core.ErrUsage), key, append([]any{line}, args...)...)
}

// check looks at one line.
func (q *Natural) check() error {
	q.Question = strings.TrimSpace(q.Question)
	for _, c := range []struct {
		name  string
		empty bool
	}{{"question", q.Question == ""}, {"set", strings.TrimSpace(q.Set) == ""}, {"lang", q.Lang == ""}, {"kind", q.Kind == ""}} {
		if c.empty {
			return lineError(q.Line, fmt.Errorf("%s is missing", c.name), "error.questions.missing", c.name)
		}
	}
	if !slices.Contains(Languages, q.Lang) {
		return lineError(q.Line, fmt.Errorf("lang %q", q.Lang), "error.questions.value", "lang", q.Lang, strings.Join(Languages, ", "))
	}
	if !slices.Contains(NaturalKinds, q.Kind) {
		return lineError(q.Line, fmt.Errorf("kind %q", q.Kind), "error.questions.value", "kind", q.Kind, strings.Join(NaturalKinds, ", "))
	}
	if (len(q.Accept) > 0) == (len(q.Absent) > 0) {
		return lineError(q.Line, errors.New("needs either accept or absent"), "error.questions.either")
	}
	for _, s := range slices.Concat(q.Accept, q.Absent) {
		if flat(s) == "" {
			return lineError(q.Line, errors.New("an empty text"), "error.questions.missing", "accept")
		}
	}
	if q.Answerable() && len(q.Gold) == 0 {
		return lineError(q.Line, errors.New("gold is missing"), "error.questions.missing", "gold")
	}
	if !q.Answerable() && len(q.Gold) > 0 {
		return lineError(q.Line, errors.New("gold of what is not answered"), "error.questions.either")
	}
	for _, g := range q.Gold {
		if strings.TrimSpace(g.Document) == "" || Squash(g.Text) == "" {
			return lineError(q.Line, errors.New("a place without document or text"), "error.questions.missing", "gold")
		}
	}
	return nil
}

// shortForm is the length in folded characters up to which a form of the answer has to be said as it is: the F-measure of two short texts says
// little about them ("Monday", "Sunday").
const shortForm = 8

// Judge marks an answer. It is right as Judge (the function) has it for one of the accepted forms, with three cautions, since these are short: a form
// that the answer holds must stand there as words of its own, marks and all ("-a" is not in "a file", "no" not in "not"); nearness counts for
// forms of more than eight characters that deny as much as the answer does; yes and no count where the answer begins with them, and in a
// yes-or-no question another form counts only where the answer denies as much as it does. Mark.F1 is that of the nearest form.
func (q Natural) Judge(g Given) Mark {
	best := Judge(Question{Refusal: !q.Answerable(), Source: len(q.Gold) > 0}, g)
	if !q.Answerable() || g.Refused {
		return best
	}
	for _, form := range q.Accept {
		m := Judge(Question{Expected: form, Source: len(q.Gold) > 0}, g)
		if m.Right && !m.Exact {
			same := denies(form) == denies(g.Text)
			near := m.F1 >= rightF1 && len([]rune(Fold(form))) > shortForm && same
			m.Right = near || q.holds(form, g.Text) && (q.Kind != "yesno" || same || isYesNo(form))
		}
		m.F1 = max(m.F1, best.F1)
		m.Right, m.Exact = m.Right || best.Right, m.Exact || best.Exact
		best = m
	}
	return best
}

// HoldsAnswer says whether a text has one of the accepted forms: it must not be among passages that should not answer. Forms of one character, yes and
// no are in every text and do not count.
func (q Natural) HoldsAnswer(text string) bool {
	return slices.ContainsFunc(q.Accept, func(form string) bool {
		return len([]rune(flat(form))) > 1 && !isYesNo(form) && q.holds(form, text)
	})
}

// holds says whether a text has a form as words of its own. Yes and no have to begin it.
func (q Natural) holds(form, text string) bool {
	f, t := []rune(flat(form)), []rune(flat(text))
	for i := 0; i+len(f) <= len(t); i++ {
		if slices.Equal(t[i:i+len(f)], f) && border(t, i) && border(t, i+len(f)) {
			return true
		}
		if isYesNo(form) {
			return false
		}
	}
	return false
}

// border says whether a word may begin or end before place i: not within a word of letters or a number, nor between a letter and a digit ("lm40");
// a unit may follow its number ("25kg").
func border(t []rune, i int) bool {
	if i == 0 || i == len(t) {
		return true
	}
	a, b := t[i-1], t[i]
	switch {
	case wordly(a) && wordly(b):
		return unicode.IsDigit(a) && !unicode.IsDigit(b)
	case (a == '.' || a == ',' || a == ':') && i > 1 && unicode.IsDigit(t[i-2]) && unicode.IsDigit(b):
		return false
	case (b == '.' || b == ',' || b == ':') && i+1 < len(t) && unicode.IsDigit(a) && unicode.IsDigit(t[i+1]):
		return false
	case a == '-' && wordly(b) && (i < 2 || t[i-2] == ' '):
		return false // "a" is not "-a"
	}
	return true
}

// wordly are the letters and digits of scripts that put spaces between words.
func wordly(r rune) bool {
	return unicode.IsDigit(r) || unicode.IsLetter(r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) && r != 'ー'
}

// flat is a text in compatibility form and lower case with single spaces, none beside Japanese or before a unit, no commas within numbers, and
// without marks at its ends that only close a sentence.
func flat(s string) string {
	rs := []rune(strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(s))), " "))
	var out []rune
	for i, r := range rs {
		inside := i > 0 && i+1 < len(rs)
		if r == ',' && inside && unicode.IsDigit(rs[i-1]) && unicode.IsDigit(rs[i+1]) {
			continue
		}
		if r == ' ' && inside && (japanese(rs[i-1]) || japanese(rs[i+1]) || unicode.IsDigit(rs[i-1]) && unicode.IsLetter(rs[i+1])) {
			continue
		}
		out = append(out, r)
	}
	return strings.Trim(string(out), " .。、!?\"“”「」'’")
}

func japanese(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー' || r == '、' || r == '。'
}

// Squash is a text without white space, widths and case folded: how places are looked for, since readers break lines where they like.
func Squash(s string) string {
	s, _ = SquashMap(s)
	return s
}

// SquashMap is Squash, and for each of its characters the place it comes from, in characters of s.
func SquashMap(s string) (string, []int) {
	var b strings.Builder
	var from []int
	at := 0
	for _, r := range s {
		if !unicode.IsSpace(r) {
			for _, f := range norm.NFKC.String(string(r)) {
				if unicode.IsSpace(f) {
					continue
				}
				b.WriteRune(unicode.ToLower(f))
				from = append(from, at)
			}
		}
		at++
	}
	return b.String(), from
}

func isYesNo(form string) bool {
	return slices.Contains([]string{"yes", "no", "はい", "いいえ"}, flat(form))
}

// denies says whether a text denies something.
func denies(text string) bool {
	text = flat(text)
	for _, mark := range []string{"ない", "ません", "いいえ", "不可", "禁止", "ずに"} {
		if strings.Contains(text, mark) {
			return true
		}
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !wordly(r) && r != '\'' && r != '’' }) {
		if slices.Contains([]string{"no", "not", "never", "none", "nobody", "neither", "nor", "cannot", "without"}, w) || strings.HasSuffix(w, "n't") || strings.HasSuffix(w, "n’t") {
			return true
		}
	}
	return false
}

package dataset

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kakoi/core"
	"kakoi/core/ingest"
)

// Columns say which column of a file is what; empty ones are guessed from their names. A file has either Question and Answer, or Inputs and
// Labels, which are then used byte for byte.
type Columns struct {
	Question string `json:"question,omitempty"`
	Answer   string `json:"answer,omitempty"`
	Passages string `json:"passages,omitempty"` // the prompt is built of these instead of what is found
	Refusal  string `json:"refusal,omitempty"`  // "yes", "1", "はい": the right answer is that the documents do not say
	Inputs   string `json:"inputs,omitempty"`
	Labels   string `json:"labels,omitempty"`
}

// Table is a file of rows as it was read.
type Table struct {
	Kind     string   // "jsonl", "csv", "tsv", "xlsx"
	Charset  string   // of a text file, see ingest.Decode
	Names    []string // of the columns, in order
	Columns  Columns  // as given or guessed
	Records  []Record // the good lines
	Problems []Problem
	Lines    int // with something on them, the header apart
}

// Record is one good line.
type Record struct {
	Line     int
	Question string
	Answer   string
	Refusal  bool
	Passages []string
	Inputs   string
	Labels   string
}

// Problem is what is wrong with a line, which is left out.
type Problem struct {
	Line int    // from 1; of a sheet: its row
	Key  string // "error.dataset.line." and more, with Args
	Args []any
}

// Given says whether the file has inputs and labels.
func (t Table) Given() bool { return t.Columns.Inputs != "" }

// Limits of a file. A longer answer is no answer but a document.
const (
	MaxFileBytes   = 128 << 20
	maxAsked       = 2_000  // characters of a question
	maxAnswered    = 4_000  // of an answer or labels
	maxInputs      = 40_000 // of inputs, and of all passages of a question together
	maxColumns     = 200
	maxHeaderChars = 100
)

// line is one line of a file as its fields by column.
type fields struct {
	line   int
	values map[string][]string
	err    *Problem // it could not be read
}

// ReadTable reads a file of rows by its name's ending: .jsonl, .ndjson, .json, .csv, .tsv, .txt, .xlsx. Bad lines are told as Problems and the
// others kept. The error is explained: no rows at all, unknown columns, no text, too large.
func ReadTable(ctx context.Context, name string, data []byte, want Columns) (Table, error) {
	base := filepath.Base(name)
	if len(data) > MaxFileBytes {
		return Table{}, core.Explain(fmt.Errorf("read rows of %q: %d bytes: %w", base, len(data), core.ErrTooLarge), "error.dataset.file.large", base, MaxFileBytes>>20)
	}
	var t Table
	var lines []fields
	var err error
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".xlsx", ".xlsm":
		t.Kind = "xlsx"
		t.Names, lines, err = readSheet(ctx, data)
		if err != nil {
			return t, core.Explain(fmt.Errorf("read rows of %q: %w", base, err), "error.dataset.file.sheet", base)
		}
	case ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".tab":
		var text string
		if text, t.Charset, err = ingest.Decode(data); err != nil {
			return t, core.Explain(fmt.Errorf("read rows of %q: %w: %w", base, core.ErrUnsupported, err), "error.dataset.file.text", base)
		}
		text = strings.TrimPrefix(text, "\ufeff")
		if strings.HasPrefix(ext, ".json") || ext == ".ndjson" || ext == ".txt" && strings.HasPrefix(strings.TrimSpace(text), "{") {
			t.Kind = "jsonl"
			t.Names, lines, err = readJSON(ctx, text)
		} else {
			t.Kind, t.Names, lines, err = readCSV(ctx, text)
		}
		if err != nil {
			return t, err
		}
	default:
		return t, core.Explain(fmt.Errorf("read rows of %q: %w", base, core.ErrUnsupported), "error.dataset.file.kind", base)
	}
	t.Lines = len(lines)
	if len(lines) == 0 {
		return t, core.Explain(fmt.Errorf("read rows of %q: %w", base, core.ErrEmpty), "error.dataset.file.empty", base)
	}
	if t.Columns, err = chooseColumns(t.Names, want); err != nil {
		return t, err
	}
	t.take(lines)
	if len(t.Records) == 0 {
		return t, core.Explain(fmt.Errorf("read rows of %q: none of %d lines is good: %w", base, len(lines), core.ErrEmpty), "error.dataset.file.bad", base, len(lines), len(t.Problems))
	}
	return t, nil
}

// Names of columns, in compatibility form and small letters; the better ones first.
var columnNames = map[string][]string{
	"question": {"question", "questions", "質問", "質問文", "問い", "問", "設問", "query", "q", "prompt", "instruction", "問い合わせ", "お問い合わせ", "問い合わせ内容"},
	"answer":   {"answer", "answers", "回答", "回答文", "答え", "解答", "正解", "a", "response", "output", "completion", "返答", "回答内容"},
	"passages": {"passages", "passage", "context", "contexts", "参照", "参考", "参照情報", "参考情報", "文脈", "本文", "資料", "抜粋", "コンテキスト", "根拠"},
	"refusal":  {"refusal", "unanswerable", "absent", "記載なし", "回答不能", "回答不可"},
	"inputs":   {"inputs", "input_text"},
	"labels":   {"labels", "label"},
}

func columnKey(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(name))), " ")
}

// chooseColumns takes the columns that are given and guesses the others.
func chooseColumns(names []string, want Columns) (Columns, error) {
	unknown := func(wanted string) error {
		return core.Explain(fmt.Errorf("column %q: %w", wanted, core.ErrUsage), "error.dataset.column", wanted, strings.Join(names, ", "))
	}
	find := func(wanted, sort string) (string, error) {
		if wanted != "" {
			for _, n := range names {
				if n == wanted || columnKey(n) == columnKey(wanted) {
					return n, nil
				}
			}
			return "", unknown(wanted)
		}
		for _, known := range columnNames[sort] {
			for _, n := range names {
				if columnKey(n) == known {
					return n, nil
				}
			}
		}
		return "", nil
	}
	var c Columns
	var err error
	for _, f := range []struct {
		sort string
		want string
		to   *string
	}{
		{"question", want.Question, &c.Question}, {"answer", want.Answer, &c.Answer}, {"passages", want.Passages, &c.Passages},
		{"refusal", want.Refusal, &c.Refusal}, {"inputs", want.Inputs, &c.Inputs}, {"labels", want.Labels, &c.Labels},
	} {
		if *f.to, err = find(f.want, f.sort); err != nil {
			return c, err
		}
	}
	asked := want.Question != "" || want.Answer != ""
	if c.Inputs != "" && c.Labels != "" && !asked {
		return Columns{Inputs: c.Inputs, Labels: c.Labels}, nil
	}
	c.Inputs, c.Labels = "", ""
	if c.Question == "" || c.Answer == "" {
		return c, core.Explain(fmt.Errorf("columns %q: no question and answer: %w", names, core.ErrUsage), "error.dataset.columns", strings.Join(names, ", "))
	}
	return c, nil
}

var yes = regexp.MustCompile(`^(?:1|true|yes|y|はい|○|◯|有|x|✓|該当)$`)

// take sorts the lines into records and problems.
func (t *Table) take(lines []fields) {
	type first struct {
		line   int
		answer string
	}
	seen := map[string]first{}
	for _, l := range lines {
		if l.err != nil {
			t.Problems = append(t.Problems, *l.err)
			continue
		}
		bad := func(key string, args ...any) {
			t.Problems = append(t.Problems, Problem{Line: l.line, Key: "error.dataset.line." + key, Args: args})
		}
		get := func(column string) string {
			if column == "" {
				return ""
			}
			return strings.Join(l.values[column], "\n")
		}
		r := Record{Line: l.line}
		question, answer, mostAsked := "", "", maxAsked
		if t.Given() {
			r.Inputs, r.Labels = get(t.Columns.Inputs), get(t.Columns.Labels)
			question, answer, mostAsked = r.Inputs, r.Labels, maxInputs
		} else {
			r.Question, r.Answer = strings.TrimSpace(get(t.Columns.Question)), strings.TrimSpace(get(t.Columns.Answer))
			r.Refusal = yes.MatchString(columnKey(get(t.Columns.Refusal)))
			for _, p := range l.values[t.Columns.Passages] {
				if strings.TrimSpace(p) != "" {
					r.Passages = append(r.Passages, strings.TrimSpace(p))
				}
			}
			question, answer = r.Question, r.Answer
		}
		asked, answered := t.Columns.Question, t.Columns.Answer
		if t.Given() {
			asked, answered = t.Columns.Inputs, t.Columns.Labels
		}
		size := utf8.RuneCountInString
		switch {
		case strings.TrimSpace(question) == "" && strings.TrimSpace(answer) == "":
			bad("empty")
			continue
		case strings.TrimSpace(question) == "":
			bad("question", asked)
			continue
		case strings.TrimSpace(answer) == "" && !r.Refusal:
			bad("answer", answered)
			continue
		case size(question) > mostAsked:
			bad("long", asked, size(question), mostAsked)
			continue
		case size(answer) > maxAnswered:
			bad("long", answered, size(answer), maxAnswered)
			continue
		case size(strings.Join(r.Passages, "")) > maxInputs:
			bad("long", t.Columns.Passages, size(strings.Join(r.Passages, "")), maxInputs)
			continue
		case len(t.Records) == MaxRows:
			bad("many", MaxRows)
			continue
		}
		key, given := fold(question)+"\x00"+fold(strings.Join(r.Passages, "\x00")), fold(answer)
		if t.Given() {
			key, given = question, answer
		}
		if before, ok := seen[key]; ok {
			if before.answer == given {
				bad("same", before.line)
			} else {
				bad("other", before.line)
			}
			continue
		}
		seen[key] = first{l.line, given}
		t.Records = append(t.Records, r)
	}
}

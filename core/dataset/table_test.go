package dataset_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/japanese"

	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/resources"
)

func utf16LE(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

func encoded(t *testing.T, encode func([]byte) ([]byte, error), s string) []byte {
	t.Helper()
	out, err := encode([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A file is read whatever wrote it: all ways of writing give the same records.
func TestReadTable(t *testing.T) {
	comma := "番号,質問,回答\r\n1,夏季休暇は何日ですか。,3日です。\r\n2,\"会議室は、どこですか。\",\"2階の\"\"第一\"\"です。\r\n受付で聞いてください。\"\r\n"
	tab := strings.NewReplacer(",", "\t").Replace("番号,質問,回答\n1,夏季休暇は何日ですか。,3日です。\n2,会議室は、どこですか。,\"2階の\"\"第一\"\"です。\r\n受付で聞いてください。\"\n")
	lines := `{"質問":"夏季休暇は何日ですか。","回答":"3日です。","番号":1}` + "\n\n" + `{"質問":"会議室は、どこですか。","回答":"2階の\"第一\"です。\r\n受付で聞いてください。","その他":{"x":1}}` + "\n"
	array := "[\n" + strings.ReplaceAll(strings.TrimSpace(lines), "\n\n", ",\n") + "\n]"
	for _, c := range []struct {
		name    string
		data    []byte
		charset string
		at      []int // lines
	}{
		{"a.csv", []byte(comma), "utf-8", []int{2, 3}},
		{"a.csv", []byte("\ufeff" + comma), "utf-8", []int{2, 3}},
		{"a.csv", []byte("sep=,\r\n" + comma), "utf-8", []int{3, 4}},
		{"a.csv", []byte(strings.ReplaceAll(comma, "1,夏", "1;夏")[:0] + strings.ReplaceAll(strings.ReplaceAll(comma, ",", ";"), "会議室は、", "会議室は、")), "utf-8", []int{2, 3}},
		{"a.CSV", encoded(t, japanese.ShiftJIS.NewEncoder().Bytes, comma), "shift_jis", []int{2, 3}},
		{"a.csv", encoded(t, japanese.EUCJP.NewEncoder().Bytes, comma), "euc-jp", []int{2, 3}},
		{"a.txt", utf16LE(tab), "utf-16le", []int{2, 3}},
		{"a.tsv", []byte(tab), "utf-8", []int{2, 3}},
		{"a.jsonl", []byte(lines), "utf-8", []int{1, 3}},
		{"a.json", []byte(array), "utf-8", []int{2, 3}},
	} {
		table, err := dataset.ReadTable(t.Context(), c.name, c.data, dataset.Columns{})
		if err != nil || len(table.Problems) > 0 || table.Charset != c.charset || len(table.Records) != 2 {
			t.Errorf("%s (%s): %+v, %v", c.name, c.charset, table, err)
			continue
		}
		for i, want := range [][2]string{{"夏季休暇は何日ですか。", "3日です。"}, {"会議室は、どこですか。", "2階の\"第一\"です。\r\n受付で聞いてください。"}} {
			if r := table.Records[i]; r.Question != want[0] || r.Answer != want[1] || r.Line != c.at[i] {
				t.Errorf("%s (%s): record %d is %+v", c.name, c.charset, i, r)
			}
		}
	}
}

// Inputs and labels are taken byte for byte, and what is exported is read again as it was.
func TestInputsAndLabels(t *testing.T) {
	rows := []core.Row{
		{Inputs: "ユーザー:資料\n\n質問→いつ?\nシステム:", Labels: " 明日\t\"です\"。 ", Question: "いつ?", State: core.RowKept},
		{Inputs: "dropped", Labels: "x", State: core.RowDropped},
		{Inputs: "User: a,b\r\nSystem:", Labels: " The end.\n"},
	}
	for _, form := range []string{"recipe.jsonl", "recipe.csv"} {
		raw, n, err := dataset.Export(rows, form)
		if err != nil || n != 2 {
			t.Fatal(n, err)
		}
		table, err := dataset.ReadTable(t.Context(), form, raw, dataset.Columns{})
		if err != nil || !table.Given() || len(table.Problems) > 0 {
			t.Fatalf("%s: %+v, %v", form, table, err)
		}
		got := table.Rows()
		for i, want := range []core.Row{rows[0], rows[2]} {
			if got[i].Inputs != want.Inputs || got[i].Labels != want.Labels {
				t.Errorf("%s: row %d is %q, %q", form, i, got[i].Inputs, got[i].Labels)
			}
		}
		if got[0].Question != "いつ?" || got[0].ID != core.RowID(rows[0].Inputs, rows[0].Labels) {
			t.Errorf("row %+v", got[0])
		}
	}
	if _, _, err := dataset.Export(rows, "xml"); !errors.Is(err, core.ErrUsage) {
		t.Error(err)
	}
}

// Every bad line is told with its number, the good ones are kept, and every problem has its words in both languages.
func TestProblemsAreTold(t *testing.T) {
	text := "question,answer\n" + // 1
		"good one?,yes it is\n" + // 2
		"no answer?,\n" + // 3
		",no question\n" + // 4
		"open \"quote\",fine\n" + // 5: a quote inside a field is a quote
		"\"not closed,3\n" + // 6
		"too,many,fields\n" + // 7
		"good one?,yes it is\n" + // 8
		"good one?,no it is not\n" + // 9
		strings.Repeat("x", 3000) + ",long\n" + // 10
		"long answer?," + strings.Repeat("y", 5000) + "\n" + // 11
		"last?,good\n" // 12
	table, err := dataset.ReadTable(t.Context(), "a.csv", []byte(text), dataset.Columns{})
	if err != nil {
		t.Fatal(err)
	}
	var kept []int
	for _, r := range table.Records {
		kept = append(kept, r.Line)
	}
	if !slices.Equal(kept, []int{2, 5, 12}) {
		t.Errorf("kept lines %v", kept)
	}
	var told []string
	for _, p := range table.Problems {
		told = append(told, fmt.Sprintf("%d %s", p.Line, strings.TrimPrefix(p.Key, "error.dataset.line.")))
		for _, lang := range resources.Languages {
			text, ok := resources.Text(lang, p.Key)
			if shown := fmt.Sprintf(text, p.Args...); !ok || strings.Contains(shown, "%!") {
				t.Errorf("%s in %s: %q", p.Key, lang, shown)
			}
			if _, ok := resources.Text(lang, p.Key+".hint"); !ok {
				t.Errorf("%s has no hint in %s", p.Key, lang)
			}
		}
	}
	if want := []string{"3 answer", "4 question", "6 quote", "7 fields", "8 same", "9 other", "10 long", "11 long"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	bad, err := dataset.ReadTable(t.Context(), "a.jsonl", []byte(`{"question":"a?","answer":"b"}`+"\n{broken\n[1]\n"+`{"question":"c?","answer":null}`), dataset.Columns{})
	if err != nil || len(bad.Records) != 1 || len(bad.Problems) != 3 || bad.Problems[0].Line != 2 || bad.Problems[2].Line != 4 {
		t.Errorf("%+v, %v", bad, err)
	}
}

// A file that cannot be used is an error with a sentence and a hint.
func TestUnusableFiles(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want dataset.Columns
		is   error
	}{
		"empty.csv":   {"", dataset.Columns{}, core.ErrEmpty},
		"header.csv":  {"question,answer\n", dataset.Columns{}, core.ErrEmpty},
		"none.csv":    {"question,answer\n?,\n,\n", dataset.Columns{}, core.ErrEmpty},
		"columns.csv": {"x,y\n1,2\n", dataset.Columns{}, core.ErrUsage},
		"named.csv":   {"x,y\n1,2\n", dataset.Columns{Question: "x", Answer: "z"}, core.ErrUsage},
		"one.csv":     {"question\n1\n", dataset.Columns{}, core.ErrUsage},
		"a.pdf":       {"%PDF", dataset.Columns{}, core.ErrUnsupported},
		"a.xlsx":      {"no zip", dataset.Columns{}, core.ErrCorrupt},
		"binary.csv":  {"\x00\x01\x02\xff\xfe\x03\x04", dataset.Columns{}, core.ErrUnsupported},
		"empty.jsonl": {"\n\n", dataset.Columns{}, core.ErrEmpty},
	} {
		_, err := dataset.ReadTable(t.Context(), name, []byte(c.data), c.want)
		var user *core.UserError
		if !errors.Is(err, c.is) || !errors.As(err, &user) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, lang := range resources.Languages {
			if sentence, hint := resources.ErrorText(lang, err); sentence == "" || hint == "" || strings.Contains(sentence, "%!") {
				t.Errorf("%s in %s: %q, %q", name, lang, sentence, hint)
			}
		}
	}
	table, err := dataset.ReadTable(t.Context(), "named.csv", []byte("x,y\n1?,2\n"), dataset.Columns{Question: "X", Answer: "y"})
	if err != nil || len(table.Records) != 1 {
		t.Errorf("columns named by a person: %+v, %v", table, err)
	}
}

// sheet is a workbook of one sheet after an empty one, as spreadsheet programs write it.
func sheet(t *testing.T, rows string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"xl/workbook.xml": `<workbook xmlns:r="x"><sheets><sheet name="空" r:id="rId1"/><sheet name="QA" r:id="rId2"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
		"xl/sharedStrings.xml":     `<sst><si><t>質問</t></si><si><t>回答</t></si><si><r><t>夏季休暇は</t></r><r><t>何日ですか。</t></r><rPh sb="0" eb="2"><t>カキ</t></rPh></si></sst>`,
		"xl/styles.xml":            `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;"/><numFmt numFmtId="165" formatCode="#,##0&quot;days&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml": `<worksheet><sheetData/></worksheet>`,
		"xl/worksheets/sheet2.xml": `<worksheet><sheetData><row r="2"><c r="B2" t="s"><v>0</v></c><c r="D2" t="s"><v>1</v></c></row>` + rows + `</sheetData></worksheet>`,
	} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Shared, inline and formula texts, numbers, dates, columns that are left out.
func TestSheet(t *testing.T) {
	data := sheet(t, `<row r="3"><c r="B3" t="s"><v>2</v></c><c r="D3"><v>3</v></c></row>`+
		`<row r="5"><c r="B5" t="inlineStr"><is><t>改定日はいつですか。</t></is></c><c r="D5" s="1"><v>45748</v></c></row>`+
		`<row r="6"><c r="B6" t="str"><f>A1&amp;B1</f><v>式は?</v></c><c r="D6" s="3"><v>1200.5</v></c></row>`+
		`<row r="7"><c r="B7" t="inlineStr"><is><t>月は?</t></is></c><c r="D7" s="2"><v>45748.5</v></c></row>`+
		`<row r="9"><c r="B9" t="inlineStr"><is><t>空は?</t></is></c></row>`)
	table, err := dataset.ReadTable(t.Context(), "a.xlsx", data, dataset.Columns{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range table.Records {
		got = append(got, fmt.Sprint(r.Line, r.Question, r.Answer))
	}
	if want := []string{"3夏季休暇は何日ですか。3", "5改定日はいつですか。2025-04-01", "6式は?1200.5", "7月は?2025-04-01 12:00"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if len(table.Problems) != 1 || table.Problems[0].Line != 9 || table.Kind != "xlsx" {
		t.Errorf("problems %+v", table.Problems)
	}
	if _, err := dataset.ReadTable(t.Context(), "a.xlsx", data[:len(data)/2], dataset.Columns{}); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("half a workbook: %v", err)
	}
}

// Nothing that anybody puts into a file makes the reader fail otherwise than with an error.
func FuzzReadTable(f *testing.F) {
	f.Add("a.csv", []byte("question,answer\n\"a\",b\n"))
	f.Add("a.jsonl", []byte(`{"question":"a","answer":["b"]}`))
	f.Add("a.json", []byte(`[{"inputs":"a","labels":"b"}]`))
	f.Add("a.xlsx", []byte("PK"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		table, err := dataset.ReadTable(t.Context(), name, data, dataset.Columns{})
		if err == nil && len(table.Records) == 0 {
			t.Errorf("no record and no error")
		}
	})
}

// TestJSONProblemShowsThePlace: what is wrong with a line is shown by its text, never by a Go error's words; control characters do not reach
// the terminal.
func TestJSONProblemShowsThePlace(t *testing.T) {
	good := "{\"question\": \"a\", \"answer\": \"b\"}"
	for text, want := range map[string]string{
		good + "\n{bad\n": "{bad",
		good + "\n{\"question\": \"長い長い質問です\", \"answer\" \"b\x1b[31m\"}\n": "…問です\", \"answer\" \"b [31m\"}",
		"[" + good + ",\n {bad, and much that follows behind it]\n":         "{bad, and much t…",
	} {
		table, err := dataset.ReadTable(t.Context(), "x.jsonl", []byte(text), dataset.Columns{})
		if err != nil || len(table.Problems) != 1 || table.Problems[0].Line != 2 {
			t.Errorf("%q: %+v, %v", text, table.Problems, err)
			continue
		}
		if got := fmt.Sprint(table.Problems[0].Args...); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

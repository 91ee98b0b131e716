package ingest_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest"
)

var update = flag.Bool("update", false, "write what the readers make of the fixtures into their .want files; look at every difference")

// office are the fixtures of testdata/office.py and what is special in each. FILE.want holds the pages, each after a line with its number.
var office = map[string]string{
	"prices.xlsx":   "openpyxl: a title above the column names, merged cells, eras, two rows of names",
	"prices.ods":    "the same through LibreOffice",
	"prices.xls":    "the same through LibreOffice, BIFF8",
	"training.pptx": "python-pptx: levels, notes, a table, an empty slide, a group",
	"training.odp":  "the same through LibreOffice",
	"manual.epub":   "ebooklib: the spine is in another order than the file",
	"office.odt":    "LibreOffice: numbered lists",
	"office.rtf":    "LibreOffice",
	"office.doc":    "LibreOffice, Word 97",
	"quote.eml":     "Python: alternatives, a workbook, a picture and a mail attached",
	"jis.eml":       "ISO-2022-JP in words cut in two, RFC 2231, quoted-printable in Shift_JIS",
	"minutes.msg":   "extract-msg: a Word file, a message with RTF around HTML in code page 932",
}

func TestOfficeFiles(t *testing.T) {
	for name := range office {
		doc, pages, err := read(t, filepath.Join("testdata", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var b strings.Builder
		for i, p := range pages {
			if p.Number != i+1 {
				t.Errorf("%s: page %d has number %d", name, i+1, p.Number)
			}
			fmt.Fprintf(&b, "--- %d\n%s\n", p.Number, p.Text)
		}
		golden := filepath.Join("testdata", name+".want")
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, b.String(), want)
		}
		if doc.Kind != strings.TrimPrefix(filepath.Ext(name), ".") || doc.Pages != len(pages) {
			t.Errorf("%s: kind %q, %d pages of %d", name, doc.Kind, doc.Pages, len(pages))
		}
	}
}

// TestLedger: 600 rows of a workbook of BIFF8, whose strings go on over several records.
func TestLedger(t *testing.T) {
	_, pages, err := read(t, filepath.Join("testdata", "ledger.xls"))
	if err != nil || len(pages) != 1 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	lines := strings.Split(pages[0].Text, "\n")
	if lines[0] != "台帳" || len(lines) != 603 {
		t.Fatalf("%d lines, first %q", len(lines), lines[0])
	}
	for i := 1; i <= 600; i++ {
		name := fmt.Sprintf("部品%04d ", i) + strings.Repeat("あいうえお", 4)
		if i%3 == 0 {
			name += strings.TrimRight("ascii only "+strings.Repeat("x", i%7), " ")
		}
		amount := strings.TrimSuffix(fmt.Sprintf("%.1f", float64(i)*1.5), ".0")
		want := fmt.Sprintf("番号: %d | 品名: %s | 数量: %s | 納品日: 2", i, name, amount)
		if !strings.HasPrefix(lines[i+1], want) {
			t.Fatalf("row %d: %q, want %q", i, lines[i+1], want)
		}
	}
	if !strings.HasSuffix(lines[2], "納品日: 2026/04/02") || lines[602] != "番号: 合計" {
		t.Errorf("first %q, last %q", lines[2], lines[602])
	}
}

// TestNamesThatLie: what old programs and exports write under names of other formats.
func TestNamesThatLie(t *testing.T) {
	file := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"a.doc", file("office.rtf"), "第1章 休暇"},
		{"a.doc", file("office.docx"), "第1章 休暇"},
		{"a.docx", file("office.doc"), "第1章 休暇"},
		{"a.doc", []byte("<html><body><p>表題</p></body></html>"), "表題"},
		{"a.doc", []byte("ただのテキスト"), "ただのテキスト"},
		{"a.xls", []byte("<table><tr><th>品名<th>数<tr><td>M3<td>1</table>"), "品名: M3 | 数: 1"},
		{"a.xls", []byte("品名\t数量\nネジ\t10\nナット\t20\n"), "品名: ネジ | 数量: 10"},
		{"a.xls", file("prices.xlsx"), "分類: ネジ"},
		{"a.xlsx", file("prices.xls"), "分類: ネジ"},
		{"a.rtf", file("office.docx"), "第1章 休暇"},
	} {
		_, pages, err := read(t, write(t, c.name, c.data))
		if err != nil || len(pages) == 0 || !strings.Contains(pages[0].Text, c.want) {
			t.Errorf("%s, %d bytes: %v %v, want %q", c.name, len(c.data), pages, err, c.want)
		}
	}
}

func TestLocked(t *testing.T) {
	_, _, err := read(t, filepath.Join("testdata", "password.xlsx"))
	var user *core.UserError
	if !errors.Is(err, core.ErrEncrypted) || !errors.As(err, &user) || user.Key != "error.file.encrypted" {
		t.Errorf("workbook with a password: %v", err)
	}
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a.csv", "品名,単価,備考\nネジ,120,\"長さ \"\"10\"\"\n大\"\n,80,\n", "品名: ネジ | 単価: 120 | 備考: 長さ \"10\" 大\n単価: 80"},
		{"a.csv", "品名;単価\nネジ;1,5\nナット;2,5\n", "品名: ネジ | 単価: 1,5\n品名: ナット | 単価: 2,5"},
		{"a.tsv", "a,b\t数\nc\t2\n", "a,b: c | 数: 2"},
		{"a.csv", "1,2,3\n4,5,6\n", "1 | 2 | 3\n4 | 5 | 6"},
		{"a.csv", "氏名,田中\n住所,東京\n", "氏名 | 田中\n住所 | 東京"},
		{"a.csv", "在庫表\n\n品名,数\nネジ,1\n\n品名,数\nナット,2\n", "在庫表\n\n品名: ネジ | 数: 1\n\n品名: ナット | 数: 2"},
		{"a.csv", "a,b,c\nx,\"open,y,z\nu,v,w\n", "a: x | b: \"open | c: y | z\na: u | b: v | c: w"},
		{"a.csv", "\ufeff" + "日付,金額\n2026/4/1,\"¥1,200\"\n", "日付: 2026/4/1 | 金額: ¥1,200"},
		{"a.csv", string(encode(t, encodings[0].enc, "品名,数量\nネジ,10\nナット,20\nこれは文字コードを見分けるための長い備考です,30\n")), "品名: ネジ | 数量: 10\n品名: ナット | 数量: 20\n品名: これは文字コードを見分けるための長い備考です | 数量: 30"},
	} {
		_, pages, err := read(t, write(t, c.name, []byte(c.in)))
		if err != nil || pages[0].Text != c.want {
			t.Errorf("%q: %v %v, want %q", c.in, pages, err, c.want)
		}
	}
}

// TestKindsOfOffice: every ending that people meet is known, whatever its case.
func TestKindsOfOffice(t *testing.T) {
	for path, want := range map[string]string{
		"A.PPTX": "pptx", "a.xlsm": "xlsx", "b.dotx": "docx", "c.ODS": "ods", "d.tsv": "tsv", "e.eml": "eml", "f.MSG": "msg", "g.rtf": "rtf", "h.doc": "doc",
		"i.xls": "xls", "j.epub": "epub", "k.zip": "zip", "l.mht": "mht", "m.ppt": "", "n.xlsb": "",
	} {
		if got := ingest.Kind(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

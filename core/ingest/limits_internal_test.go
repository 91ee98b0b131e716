package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"kakoi/core"
)

const testNS = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`

func wordFile(t *testing.T, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("word/document.xml")
	if err == nil {
		_, err = io.WriteString(w, testNS+body+"</w:body></w:document>")
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wordCell(props, text string) string {
	return "<w:tc><w:tcPr>" + props + "</w:tcPr><w:p><w:r><w:t>" + text + "</w:t></w:r></w:p></w:tc>"
}

// TestTableBombs: small files whose tables would repeat a name, a merged cell or an empty cell without end.
func TestTableBombs(t *testing.T) {
	name, merged := strings.Repeat("n", maxLabel), strings.Repeat("m", maxMerged)
	wordHead := "<w:tr><w:trPr><w:tblHeader/></w:trPr>" + wordCell("", name) + "</w:tr>"
	for what, f := range map[string]struct {
		kind string
		data []byte
	}{
		"names in html":     {"html", []byte("<table><tr><th>" + name + "</th></tr>" + strings.Repeat("<tr><td>x", 200_000) + "</table>")},
		"merged in html":    {"html", []byte("<table>" + strings.Repeat("<tr><td rowspan=100>"+merged+strings.Repeat("<tr>", 99), 400) + "</table>")},
		"names in markdown": {"md", []byte("| " + name + " |\n|---|\n" + strings.Repeat("| x |\n", 200_000))},
		"empty in markdown": {"md", []byte("|" + strings.Repeat("a|", 5000) + "\n|" + strings.Repeat("-|", 5000) + "\n" + strings.Repeat("x\n", 100_000))},
		"names in docx":     {"docx", wordFile(t, "<w:tbl>"+wordHead+strings.Repeat("<w:tr>"+wordCell("", "x")+"</w:tr>", 200_000)+"</w:tbl>")},
		"merged in docx": {"docx", wordFile(t, "<w:tbl><w:tr>"+wordCell(`<w:vMerge w:val="restart"/>`, merged)+"</w:tr>"+
			strings.Repeat("<w:tr>"+wordCell("<w:vMerge/>", "")+"</w:tr>", 20_000)+"</w:tbl>")},
	} {
		pages, _, err := parse(t.Context(), f.kind, f.data, Options{})
		if !errors.Is(err, errBomb) || !errors.Is(err, core.ErrTooLarge) || pages != nil {
			t.Errorf("%s, %d bytes: %d pages, %v", what, len(f.data), len(pages), err)
		}
		var user *core.UserError
		if said := explain(err, core.Document{Kind: f.kind}); !errors.As(said, &user) || user.Key != "error.file.bomb" {
			t.Errorf("%s: explained as %v", what, said)
		}
	}
}

// TestLongCells: what is too long to repeat stands once, and a span makes no endless row.
func TestLongCells(t *testing.T) {
	long := strings.Repeat("長", maxMerged)
	for what, f := range map[string]struct {
		kind, want string
		data       []byte
	}{
		"name in html":     {"html", long + " | b\n1 | 2\n3 | 4", []byte("<table><tr><th>" + long + "<th>b<tr><td>1<td>2<tr><td>3<td>4</table>")},
		"name in markdown": {"md", long + " | b\n1 | 2\n3 | 4", []byte("|" + long + "|b|\n|-|-|\n|1|2|\n|3|4|\n")},
		"name in docx": {"docx", long + "\n1\n2", wordFile(t, "<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr>"+wordCell("", long)+"</w:tr><w:tr>"+
			wordCell("", "1")+"</w:tr><w:tr>"+wordCell("", "2")+"</w:tr></w:tbl>")},
		"merged in html": {"html", long + " | 1\n2", []byte("<table><tr><td rowspan=2>" + long + "<td>1<tr><td>2</table>")},
		"merged in docx": {"docx", long + " | 1\n2", wordFile(t, "<w:tbl><w:tr>"+wordCell(`<w:vMerge w:val="restart"/>`, long)+wordCell("", "1")+"</w:tr><w:tr>"+
			wordCell("<w:vMerge/>", "")+wordCell("", "2")+"</w:tr></w:tbl>")},
		"columns in html": {"html", "a | b", []byte("<table><tr><td>a" + strings.Repeat("<td colspan=100>", 100_000) + "<td>b</table>")},
	} {
		pages, _, err := parse(t.Context(), f.kind, f.data, Options{})
		if err != nil || pages[0].Text != f.want {
			t.Errorf("%s: %d pages, %v", what, len(pages), err)
		}
	}
}

func TestDeepMarkdown(t *testing.T) {
	for what, text := range map[string]string{
		"quotes":   strings.Repeat(">", 1<<20) + "x",
		"lists":    strings.Repeat("- ", 1<<20) + "x",
		"emphasis": strings.Repeat("*", 1<<14) + "x" + strings.Repeat("*", 1<<14),
	} {
		if _, _, err := parse(t.Context(), "md", []byte(text), Options{}); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// endingContext ends when it has been asked a number of times.
type endingContext struct {
	context.Context
	asked, end int
}

func (c *endingContext) Err() error {
	if c.asked++; c.end > 0 && c.asked > c.end {
		return context.Canceled
	}
	return nil
}

// TestReadingEnds: whenever the context ends, so does the reading, and it is asked all the way.
func TestReadingEnds(t *testing.T) {
	prose := strings.Repeat("<p>年次<b>有給</b>休暇 a b c</p>\n<ul><li>x</li></ul>\n<table><tr><td>1</td></tr></table>\n", 2000)
	marks := strings.Repeat("年次**有給**休暇 a b c\n\n- x\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n", 2000)
	for _, f := range []struct {
		kind  string
		data  []byte
		least int
	}{
		{"txt", []byte(marks), 2},
		{"md", []byte(marks), 200},
		{"md", []byte(strings.Repeat("a *b* c\n", 20_000)), 200}, // one paragraph
		{"html", []byte(prose), 200},
		{"docx", wordFile(t, strings.Repeat("<w:p><w:r><w:t>年次有給休暇</w:t></w:r></w:p>", 20_000)), 200},
		{"xlsx", workbook(t, "<worksheet><sheetData>"+strings.Repeat(`<row><c t="str"><v>年次</v></c><c><v>1</v></c></row>`, 5000)+"</sheetData></worksheet>"), 200},
		{"odt", odf(t, strings.Repeat("<t:p>年次有給休暇</t:p>", 20_000)), 200},
		{"ods", odf(t, "<o:spreadsheet><t:table t:name='S'>"+strings.Repeat("<t:table-row><t:table-cell><t:p>年次</t:p></t:table-cell></t:table-row>", 5000)+"</t:table></o:spreadsheet>"), 200},
		{"rtf", []byte(`{\rtf1 ` + strings.Repeat(`{\b a}\par `, 10_000) + "}"), 200},
		{"csv", []byte(strings.Repeat("年次,1\n", 20_000)), 200},
		{"doc", load1(t, "office.doc"), 5},
		{"xls", load1(t, "ledger.xls"), 50},
		{"eml", []byte("Subject: x\nContent-Type: text/html\n\n" + prose), 200},
	} {
		whole := &endingContext{Context: context.Background()}
		if pages, _, err := parse(whole, f.kind, f.data, Options{}); err != nil || len(pages) != 1 {
			t.Fatalf("%s: %d pages, %v", f.kind, len(pages), err)
		}
		if whole.asked < f.least {
			t.Errorf("%s asks its context %d times, want %d", f.kind, whole.asked, f.least)
		}
		for _, end := range []int{1, whole.asked / 4, whole.asked / 2, whole.asked * 3 / 4, whole.asked - 1} {
			c := &endingContext{Context: context.Background(), end: end}
			if end < 1 {
				continue
			}
			if pages, _, err := parse(c, f.kind, f.data, Options{}); !errors.Is(err, context.Canceled) || pages != nil {
				t.Errorf("%s ended at %d of %d: %d pages, %v", f.kind, end, whole.asked, len(pages), err)
			}
			if c.asked > end+20 {
				t.Errorf("%s ended at %d went on to %d", f.kind, end, c.asked)
			}
		}
	}
}

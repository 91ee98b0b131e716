package ingest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest/ingesttest"
)

// coded is a page in the font F2 or F3, whose codes are those of the characters.
func coded(font, text string) string {
	var hex strings.Builder
	for _, c := range text {
		fmt.Fprintf(&hex, "%04X", c)
	}
	return "BT /" + font + " 8 Tf 5 100 Td <" + hex.String() + "> Tj ET"
}

func testOptions(t testing.TB) Options {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return Options{CacheDir: filepath.Join(dir, "kakoi-build", "wasm")}
}

func found(t *testing.T, kind string, data []byte) ([]core.Page, []core.Finding, error) {
	t.Helper()
	pages, findings, err := parse(t.Context(), kind, data, testOptions(t))
	return pages, findings, err
}

func check(t *testing.T, what string, got, want []core.Finding) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// TestPagesOfPDF: what each page lacks is told, and letters that mean nothing are in no text.
func TestPagesOfPDF(t *testing.T) {
	mixed := "BT /F1 12 Tf 20 150 Td (Rules of the house) Tj ET " + ingesttest.GarbledSheet
	pages, findings, err := found(t, "pdf", ingesttest.Sheets(ingesttest.TextSheet("Hello"), ingesttest.ScanSheet, ingesttest.ScanSheet, "", ingesttest.GarbledSheet, mixed))
	if err != nil || len(pages) != 6 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for i, want := range []string{"Hello", "", "", "", "", "Rules of the house"} {
		if pages[i].Text != want {
			t.Errorf("page %d is %q, want %q", i+1, pages[i].Text, want)
		}
	}
	check(t, "pages", findings, []core.Finding{
		{What: core.FindingPicture, Page: 2, Last: 3}, {What: core.FindingBlank, Page: 4}, {What: core.FindingGarbled, Page: 5, Count: 5}, {What: core.FindingPartly, Page: 6, Count: 5},
	})
	_, findings, err = found(t, "pdf", ingesttest.Sheets(ingesttest.ScanSheet, "", ingesttest.ScanSheet))
	if !errors.Is(err, errScan) {
		t.Errorf("pictures only: %v", err)
	}
	check(t, "pictures only", findings, []core.Finding{{What: core.FindingPicture, Page: 1}, {What: core.FindingBlank, Page: 2}, {What: core.FindingPicture, Page: 3}})
	_, findings, err = found(t, "pdf", ingesttest.Sheets(ingesttest.GarbledSheet, ingesttest.ScanSheet))
	if !errors.Is(err, errGarbled) {
		t.Errorf("garbled: %v", err)
	}
	check(t, "garbled", findings, []core.Finding{{What: core.FindingGarbled, Page: 1, Count: 5}, {What: core.FindingPicture, Page: 2}})
	var said *core.UserError
	if err := explain(err, core.Document{Name: "a.pdf"}); !errors.As(err, &said) || said.Key != "error.file.garbled" {
		t.Errorf("garbled is explained as %v", err)
	}
}

// TestCodesThatAreUnicode: fonts that say so in one line for all codes are read, whatever they are written in; codes that only look like letters are not.
func TestCodesThatAreUnicode(t *testing.T) {
	for _, text := range []string{
		"請求書 第12号、合計 3,000円。お支払いは月末まで", "Η μορφή φορητού εγγράφου", "Осы жұмсақ француз көкөністерінің", "휴대용 문서 형식", "这是我们公司的中文说明", "It’s “here”",
		"μορφή, жұмсақ, 文書の形式, Zażółć",
	} {
		pages, findings, err := found(t, "pdf", ingesttest.Sheets(coded("F3", text)))
		if err != nil || len(pages) != 1 || pages[0].Text != text || len(findings) > 0 {
			t.Errorf("%s: %+v %+v %v", text, pages, findings, err)
		}
	}
	for what, text := range map[string]string{
		"glyphs of Adobe-Japan1": string([]rune{843, 861, 880, 905, 1250, 2940, 3021, 2777, 3610, 900, 888, 845}),
		"Shift_JIS":              "\u8f41\u8bc6\u8b4b\u91a5\u82cc\u82c6\u82a8\u82e8\u944e\u8e9f\u974c\u8b8b\u8b78\u89c9",
		"English, moved":         "\u1352\u1375\u136c\u1365\u1373\u1320\u136f\u1366",
	} {
		if pages, _, err := found(t, "pdf", ingesttest.Sheets(coded("F2", text))); !errors.Is(err, errGarbled) {
			t.Errorf("%s is read: %+v %v", what, pages, err)
		}
	}
}

// TestFilesInside: pages of attachments are told by their numbers in the mail, and what cannot be read by its name and reason.
func TestFilesInside(t *testing.T) {
	mail := "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n"
	attach := func(name string, data []byte) {
		mail += "--b\nContent-Disposition: attachment; filename=" + name + "\nContent-Transfer-Encoding: base64\n\n" + base64Lines(data) + "\n"
	}
	attach("mixed.pdf", ingesttest.Sheets(ingesttest.TextSheet("Hello"), ingesttest.ScanSheet))
	attach("secret.xlsx", load1(t, "password.xlsx"))
	attach("scan.pdf", ingesttest.Sheets(ingesttest.ScanSheet))
	attach("tool.exe", []byte("MZ"))
	attach("empty.txt", nil)
	attach("noise.txt", bytes.Repeat([]byte{0, 1, 2, 0xff, 0xfe, 0x81}, 100))
	attach("broken.docx", []byte("PK\x03\x04broken"))
	attach("lost.txt", append([]byte(strings.Repeat("日本語の文章です。", 100)), 0xe6))
	attach("all.zip", parts(t, "a.txt", "text", "b.exe", "MZ", "c.docx", "nothing"))
	pages, findings, err := found(t, "eml", []byte(mail+"--b--\n"))
	if err != nil || len(pages) != 6 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	check(t, "inside", findings, []core.Finding{
		{What: core.FindingInside, Name: "all.zip/c.docx", Why: core.WhyCorrupt}, {What: core.FindingInside, Name: "broken.docx", Why: core.WhyCorrupt}, {What: core.FindingInside, Name: "empty.txt", Why: core.WhyEmpty},
		{What: core.FindingInside, Name: "all.zip/b.exe", Why: core.WhyKind}, {What: core.FindingInside, Name: "tool.exe", Why: core.WhyKind},
		{What: core.FindingInside, Name: "secret.xlsx", Why: core.WhyPassword},
		{What: core.FindingInside, Name: "noise.txt", Why: core.WhyText},
		{What: core.FindingPicture, Page: 3, Name: "mixed.pdf"}, {What: core.FindingPicture, Page: 4, Name: "scan.pdf"}, {What: core.FindingEncoding, Page: 5, Name: "utf-8", Count: 1},
	})
}

// TestTooManyAttachments: what is passed over is counted.
func TestTooManyAttachments(t *testing.T) {
	mail := "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n" +
		strings.Repeat("--b\nContent-Disposition: attachment; filename=a.txt\n\nx\n", maxAttachments+7) + "--b--\n"
	pages, findings, err := found(t, "eml", []byte(mail))
	if err != nil || len(pages) != maxAttachments+1 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	check(t, "attachments", findings, []core.Finding{{What: core.FindingCut, Why: core.WhyFiles, Count: 7}})
}

// TestReadTellsFindings: they come with the document, also where nothing could be read.
func TestReadTellsFindings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scan.pdf")
	if err := os.WriteFile(path, ingesttest.Sheets(ingesttest.ScanSheet, ingesttest.ScanSheet), 0o600); err != nil {
		t.Fatal(err)
	}
	doc, _, err := Read(context.Background(), path, testOptions(t))
	if !errors.Is(err, core.ErrEmpty) || doc.Reader != Version {
		t.Errorf("read by %d: %v", doc.Reader, err)
	}
	check(t, "scan", doc.Findings, []core.Finding{{What: core.FindingPicture, Page: 1, Last: 2}})
}

func base64Lines(data []byte) string {
	var out strings.Builder
	for i, c := range []byte(base64.StdEncoding.EncodeToString(data)) {
		if i > 0 && i%76 == 0 {
			out.WriteByte('\n')
		}
		out.WriteByte(c)
	}
	return out.String()
}

const book2003Text = `<?xml version="1.0" encoding="UTF-8"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
 <Styles><Style ss:ID="h"><Font ss:Bold="1"/></Style><Style ss:ID="p"><NumberFormat ss:Format="Percent"/></Style><Style ss:ID="n"><NumberFormat ss:Format="#,##0"/></Style></Styles>
 <Worksheet ss:Name="単価表"><Table>
  <Row><Cell ss:StyleID="h"><Data ss:Type="String">品名</Data></Cell><Cell ss:StyleID="h"><Data ss:Type="String">単価</Data></Cell><Cell ss:StyleID="h"><Data ss:Type="String">税率</Data></Cell><Cell ss:StyleID="h"><Data ss:Type="String">改定日</Data></Cell></Row>
  <Row><Cell><Data ss:Type="String">ネジ</Data><Comment><Data>note</Data></Comment></Cell><Cell ss:StyleID="n"><Data ss:Type="Number">12345</Data></Cell><Cell ss:StyleID="p"><Data ss:Type="Number">0.1</Data></Cell><Cell><Data ss:Type="DateTime">2026-04-01T00:00:00.000</Data></Cell></Row>
  <Row ss:Index="4"><Cell ss:Index="4"><Data ss:Type="Boolean">1</Data></Cell></Row>
 </Table></Worksheet>
 <Worksheet ss:Name="空"><Table/></Worksheet>
</Workbook>`

const word2003Text1 = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<?mso-application progid="Word.Document"?>
<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" xmlns:o="urn:schemas-microsoft-com:office:office">
<o:DocumentProperties><o:Title>not this</o:Title></o:DocumentProperties><w:body><w:sect><w:p><w:r><w:t>就業規則</w:t></w:r></w:p>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>区分</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>日数</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>正社員</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>10</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
<w:sectPr><w:hdr><w:p><w:r><w:t>header</w:t></w:r></w:p></w:hdr></w:sectPr></w:sect></w:body></w:wordDocument>`

// TestOffice2003: XML of Office 2003 that business programs write as .xls and .doc.
func TestOffice2003(t *testing.T) {
	pages, _, err := parse(t.Context(), "xls", []byte(book2003Text), Options{})
	if err != nil || len(pages) != 2 || pages[1].Text != "" {
		t.Fatalf("%v, %v", pages, err)
	}
	if want := "単価表\n\n品名: ネジ | 単価: 12,345 | 税率: 10.00% | 改定日: 2026/4/1\n\nTRUE"; pages[0].Text != want {
		t.Errorf("got  %q\nwant %q", pages[0].Text, want)
	}
	pages, _, err = parse(t.Context(), "doc", []byte(word2003Text1), Options{})
	if err != nil || len(pages) != 1 || !strings.HasPrefix(pages[0].Text, "就業規則\n") || !strings.Contains(pages[0].Text, "正社員") || strings.Contains(pages[0].Text, "not this") || strings.Contains(pages[0].Text, "header") {
		t.Errorf("%+v, %v", pages, err)
	}
	for i := range len(book2003Text) / 7 {
		sound(t, "cut workbook", "xls", []byte(book2003Text[:7*i]))
	}
	for i := range len(word2003Text1) / 7 {
		sound(t, "cut document", "doc", []byte(word2003Text1[:7*i]))
	}
	deep := `<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook>` + strings.Repeat("<Worksheet><Table><Row><Cell><Data>", 2000)
	sound(t, "deep workbook", "xls", []byte(deep))
}

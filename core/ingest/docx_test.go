package ingest_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"kakoi/core"
)

const wordNS = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wps="wps"`

// docx packs parts; body is wrapped into a document.
func docx(t *testing.T, body string, parts map[string]string) []byte {
	t.Helper()
	all := map[string]string{"word/document.xml": `<?xml version="1.0"?><w:document ` + wordNS + `><w:body>` + body + `</w:body></w:document>`}
	for name, text := range parts {
		all[name] = text
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range all {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func p(inner string) string { return "<w:p>" + inner + "</w:p>" }
func r(text string) string {
	return `<w:r><w:t xml:space="preserve">` + text + `</w:t></w:r>`
}

func TestReadDOCXTraps(t *testing.T) {
	cell := func(props, text string) string {
		return "<w:tc><w:tcPr>" + props + "</w:tcPr>" + p(r(text)) + "</w:tc>"
	}
	for _, c := range []struct{ name, body, want string }{
		{"tracked changes", p(r("a") + `<w:del w:id="1"><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins w:id="2">` + r("b") + `</w:ins><w:moveFrom w:id="3">` + r("moved") + `</w:moveFrom>`), "ab"},
		{"fields", p(`<w:r><w:fldChar w:fldCharType="begin"/><w:instrText>PAGEREF x</w:instrText></w:r>` + r("7")), "7"},
		{"breaks", p(`<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>`), "a\tb\nc-d"},
		{"ruby", p(`<w:r><w:ruby><w:rt>` + r("ゆうきゅう") + `</w:rt><w:rubyBase>` + r("有給") + `</w:rubyBase></w:ruby></w:r>` + r("休暇")), "有給休暇"},
		{"text box once", p(r("before")+`<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:txbx><w:txbxContent>`+p(r("box"))+
			`</w:txbxContent></wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><w:txbxContent>`+p(r("box"))+`</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>`) + p(r("after")), "before\nbox\nafter"},
		{"content control", `<w:sdt><w:sdtPr><w:alias w:val="x"/></w:sdtPr><w:sdtContent>` + p(r("in")) + `</w:sdtContent></w:sdt>`, "in"},
		{"merged cells", `<w:tbl><w:tblGrid/><w:tr><w:trPr><w:tblHeader/></w:trPr>` + cell("", "部署") + cell("", "氏名") + cell("", "内線") + `</w:tr><w:tr>` +
			cell(`<w:vMerge w:val="restart"/>`, "総務") + cell("", "田中") + cell("", "101") + `</w:tr><w:tr>` + cell(`<w:vMerge/>`, "") + cell(`<w:gridSpan w:val="2"/>`, "鈴木") + `</w:tr></w:tbl>`,
			"部署: 総務 | 氏名: 田中 | 内線: 101\n部署: 総務 | 氏名: 鈴木"},
		{"no header", `<w:tbl><w:tr>` + cell("", "氏名") + cell("", "田中") + `</w:tr><w:tr>` + cell("", "住所") + cell("", "東京") + `</w:tr></w:tbl>`, "氏名 | 田中\n住所 | 東京"},
		{"deleted row", `<w:tbl><w:tr>` + cell("", "a") + `</w:tr><w:tr><w:trPr><w:del w:id="1"/></w:trPr>` + cell("", "b") + `</w:tr></w:tbl>`, "a"},
		{"heading", p(r("x")) + `<w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr>` + r("H") + `</w:p>` + p(r("y")), "x\n\nH\n\ny"},
	} {
		_, pages, err := read(t, write(t, "a.docx", docx(t, c.body, nil)))
		if err != nil || pages[0].Text != c.want {
			t.Errorf("%s: %v %v, want %q", c.name, pages, err, c.want)
		}
	}
}

func TestReadDOCXNumbering(t *testing.T) {
	numbering := `<w:numbering ` + wordNS + `><w:abstractNum w:abstractNumId="4">` +
		`<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="第%1条"/></w:lvl>` +
		`<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="japaneseCounting"/><w:lvlText w:val="%1-%2"/></w:lvl>` +
		`<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="aiueoFullWidth"/><w:lvlText w:val="(%3)"/></w:lvl>` +
		`</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="4"/></w:num>` +
		`<w:num w:numId="2"><w:abstractNumId w:val="4"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="10"/></w:lvlOverride></w:num></w:numbering>`
	styles := `<w:styles ` + wordNS + `><w:style w:type="paragraph" w:styleId="a1"><w:name w:val="条文"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>` +
		`<w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 1"/></w:style></w:styles>`
	item := func(num, level int, text string) string {
		return fmt.Sprintf(`<w:p><w:pPr><w:numPr><w:ilvl w:val="%d"/><w:numId w:val="%d"/></w:numPr></w:pPr>%s</w:p>`, level, num, r(text))
	}
	body := `<w:p><w:pPr><w:pStyle w:val="1"/></w:pPr>` + r("総則") + `</w:p>` + `<w:p><w:pPr><w:pStyle w:val="a1"/></w:pPr>` + r("目的") + `</w:p>` +
		item(1, 0, "適用") + item(1, 1, "社員") + item(1, 1, "嘱託") + item(1, 2, "例") + item(1, 0, "遵守") + item(1, 1, "再開") + item(2, 0, "休暇")
	data := docx(t, body, map[string]string{"word/numbering.xml": numbering, "word/styles.xml": styles,
		"word/footnotes.xml": `<w:footnotes ` + wordNS + `><w:footnote w:type="separator">` + p(r("---")) + `</w:footnote><w:footnote w:id="1">` + p(r("注")) + `</w:footnote></w:footnotes>`})
	_, pages, err := read(t, write(t, "a.docx", data))
	want := "総則\n\n第1条 目的\n第2条 適用\n2-一 社員\n2-二 嘱託\n(ア) 例\n第3条 遵守\n3-一 再開\n第10条 休暇\n\n注"
	if err != nil || pages[0].Text != want {
		t.Errorf("%v %v, want %q", pages, err, want)
	}
}

// bomb is a package whose document is n bytes of white space inside a paragraph, or says it is only claimed bytes.
func bomb(t *testing.T, n int, claimed uint64) []byte {
	t.Helper()
	var packed bytes.Buffer
	fw, err := flate.NewWriter(&packed, 9)
	if err != nil {
		t.Fatal(err)
	}
	sum := crc32.NewIEEE()
	w := io.MultiWriter(fw, sum)
	_, _ = io.WriteString(w, `<w:document `+wordNS+`><w:body><w:p><w:r><w:t>`)
	block := bytes.Repeat([]byte("あ"), 1<<18)
	for written := 0; written < n; written += len(block) {
		_, _ = w.Write(block)
	}
	_, _ = io.WriteString(w, `</w:t></w:r></w:p></w:body></w:document>`)
	if err := fw.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	raw, err := z.CreateRaw(&zip.FileHeader{Name: "word/document.xml", Method: zip.Deflate, CRC32: sum.Sum32(), CompressedSize64: uint64(packed.Len()), UncompressedSize64: claimed})
	if err == nil {
		_, err = raw.Write(packed.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadDOCXRefusals(t *testing.T) {
	entries := map[string]string{}
	for i := range 10_001 {
		entries[fmt.Sprintf("word/media/%d", i)] = ""
	}
	good := docx(t, p(r("text")), nil)
	encryptedEntry := bytes.Clone(good)
	for _, sig := range []string{"PK\x03\x04", "PK\x01\x02"} {
		at := bytes.Index(encryptedEntry, []byte(sig))
		encryptedEntry[at+6+2*strings.Count(sig, "\x01")] |= 1
	}
	ole := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 1024)...)
	for _, c := range []struct {
		name string
		data []byte
		is   error
		key  string
	}{
		{"bomb of 64 MB", bomb(t, 64<<20, 64<<20), core.ErrTooLarge, "bomb"},
		{"bomb that says it is small", bomb(t, 64<<20, 1000), core.ErrUnsupported, ""},
		{"10,002 entries", docx(t, p(r("x")), entries), core.ErrTooLarge, "bomb"},
		{"OLE of zeros", ole, core.ErrCorrupt, "broken"},
		{"password (zip)", encryptedEntry, core.ErrEncrypted, "encrypted"},
		{"truncated", good[:len(good)/2], core.ErrCorrupt, "broken"},
		{"not XML", docx(t, "<w:p><w:r>", nil), core.ErrCorrupt, "broken"},
		{"deep", docx(t, strings.Repeat("<w:sdt>", 100_000), nil), core.ErrCorrupt, "broken"},
		{"no text", docx(t, p(""), nil), core.ErrEmpty, "empty"},
	} {
		_, _, err := read(t, write(t, "a.docx", c.data))
		var user *core.UserError
		if c.key == "" { // either the lie or the size is noticed first
			if !errors.Is(err, core.ErrTooLarge) && !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if !errors.Is(err, c.is) || !errors.As(err, &user) || user.Key != "error.file."+c.key {
			t.Errorf("%s: %v, want %v under %s", c.name, err, c.is, c.key)
		}
	}
}

package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"kakoi/app/paper"
	"kakoi/core"
)

// corpus makes documents to measure with: the same ones whenever it is asked for the same number of pages.
type corpus struct {
	dir   string
	fonts string
	rng   *rand.Rand
}

const (
	corpusPages = 10 // of a file
	corpusChars = 1100
)

// corpusKinds is the mix, a line of ten files: what a department's share holds.
var corpusKinds = []string{"pdf", "docx", "pdf", "html", "txt", "pdf", "docx", "md", "pdf", "html"}

// write makes files of some pages each; a page is one of A4, full of Japanese or, in every third file, of English text.
func (k *corpus) write(ctx context.Context, pages int) (files []string, err error) {
	var regular []byte
	for n := 0; pages > 0; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kind := corpusKinds[n%len(corpusKinds)]
		k.rng = rand.New(rand.NewPCG(uint64(n), 7))
		texts := make([][]string, min(pages, corpusPages))
		for i := range texts {
			texts[i] = k.page(n%3 == 2)
		}
		pages -= len(texts)
		var out bytes.Buffer
		switch kind {
		case "pdf":
			if regular == nil {
				if regular, err = os.ReadFile(filepath.Join(k.fonts, "NotoSansJP-Regular.ttf")); err != nil {
					return nil, core.Explain(fmt.Errorf("read font: %w", err), "error.chat.fonts", k.fonts)
				}
			}
			err = corpusPDF(&out, regular, texts)
		case "docx":
			err = corpusWord(&out, texts)
		case "html":
			corpusHTML(&out, texts)
		default:
			corpusText(&out, texts, kind == "md")
		}
		if err != nil {
			return nil, fmt.Errorf("make a %s file: %w", kind, err)
		}
		folder := filepath.Join(k.dir, fmt.Sprintf("%03d", n/100))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
		path := filepath.Join(folder, fmt.Sprintf("%05d.%s", n, kind))
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			return nil, fmt.Errorf("write document: %w", err)
		}
		files = append(files, path)
	}
	return files, nil
}

var corpusWords = [2][4][]string{{
	{"総務課", "経理部", "品質保証室", "北関東営業所", "第二製造ライン", "情報システム担当", "安全衛生委員会", "資材倉庫", "研究開発本部", "海外事業部"},
	{"購入申請", "点検記録", "出張旅費", "契約更新", "在庫調整", "教育訓練", "設備保全", "請求処理", "入館管理", "品質監査"},
	{"承認", "確認", "保管", "提出", "修正", "通知", "登録", "照合", "廃棄", "集計"},
	{"所属長の判断により延期することがあります", "例外は別表に定めます", "手続きは電子申請で行います", "記録は五年間残します", "不明な点は窓口に問い合わせてください", "遅れるときは前日までに連絡します"},
}, {
	{"the general office", "the accounts section", "quality assurance", "the northern branch", "the second line", "the system staff", "the safety board", "the store", "the laboratory", "the overseas desk"},
	{"purchase requests", "inspection records", "travel expenses", "contract renewals", "stock corrections", "training courses", "maintenance work", "invoices", "visitor lists", "quality audits"},
	{"approved", "checked", "kept", "handed in", "corrected", "announced", "registered", "compared", "discarded", "counted"},
	{"the head of the section may postpone it", "exceptions are listed in the annex", "the electronic form is used for this", "the record is kept for five years", "questions are answered at the counter", "a delay is announced the day before"},
}}

// page makes the paragraphs of a page; the first one is its heading.
func (k *corpus) page(english bool) []string {
	words, form, heading := corpusWords[0], "%sは%sを毎月%d日までに%sし、%d件を超えるものは%sへ回します。%s。", "第%d条　%sの%s"
	chars := corpusChars
	if english {
		words, form, heading = corpusWords[1], "By day %[3]d of the month %[1]s has %[2]s %[4]s; above %[5]d cases they go to %[6]s, and %[7]s. ", "%d. How %[2]s are %[3]s"
		chars *= 2
	}
	pick := func(of []string) string { return of[k.rng.IntN(len(of))] }
	out := []string{fmt.Sprintf(heading, 1+k.rng.IntN(400), pick(words[1]), pick(words[2]))}
	for have := 0; have < chars; {
		var b strings.Builder
		for range 3 + k.rng.IntN(4) {
			fmt.Fprintf(&b, form, pick(words[0]), pick(words[1]), 1+k.rng.IntN(28), pick(words[2]), 3+k.rng.IntN(900), pick(words[0]), pick(words[3]))
		}
		text := strings.TrimSpace(b.String())
		out = append(out, text)
		have += len([]rune(text))
	}
	return out
}

func corpusText(w *bytes.Buffer, pages [][]string, markdown bool) {
	for _, page := range pages {
		mark := ""
		if markdown {
			mark = "## "
		}
		fmt.Fprintf(w, "%s%s\n\n", mark, strings.Join(page, "\n\n"))
	}
}

func corpusHTML(w *bytes.Buffer, pages [][]string) {
	w.WriteString("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Handbook</title></head><body><main>\n")
	for _, page := range pages {
		fmt.Fprintf(w, "<h2>%s</h2>\n", html.EscapeString(page[0]))
		for _, paragraph := range page[1:] {
			fmt.Fprintf(w, "<p>%s</p>\n", html.EscapeString(paragraph))
		}
	}
	w.WriteString("</main></body></html>\n")
}

func corpusWord(w io.Writer, pages [][]string) error {
	var body bytes.Buffer
	body.WriteString(xml.Header + `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>`)
	for _, page := range pages {
		for i, paragraph := range page {
			style := ""
			if i == 0 {
				style = `<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>`
			}
			fmt.Fprintf(&body, `<w:p>%s<w:r><w:t xml:space="preserve">`, style)
			if err := xml.EscapeText(&body, []byte(paragraph)); err != nil {
				return err
			}
			body.WriteString(`</w:t></w:r></w:p>`)
		}
	}
	body.WriteString(`<w:sectPr/></w:body></w:document>`)
	const types = xml.Header + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/></Types>`
	const relations = xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`
	const inner = xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`
	const styles = xml.Header + `<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>`
	z := zip.NewWriter(w)
	for _, part := range [][2]string{{"[Content_Types].xml", types}, {"_rels/.rels", relations}, {"word/_rels/document.xml.rels", inner}, {"word/styles.xml", styles}, {"word/document.xml", body.String()}} {
		f, err := z.Create(part[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(f, part[1]); err != nil {
			return err
		}
	}
	return z.Close()
}

// corpusPDF sets pages in lines, in a font of which the used characters are embedded.
func corpusPDF(w io.Writer, font []byte, pages [][]string) error {
	const size, line, margin = 10, 15.5, 50.0
	file := paper.File{Title: "Handbook", Lang: "ja"}
	f, err := file.AddFont(font)
	if err != nil {
		return err
	}
	for _, page := range pages {
		at, y := file.AddPage(), margin
		for _, paragraph := range page {
			for _, text := range corpusLines(f, size, paper.Width-2*margin, paragraph) {
				if y += line; y > paper.Height-margin {
					break // a page is one page
				}
				file.Text(at, f, size, 0, margin, y, text)
			}
			y += line / 2
		}
	}
	out := bufio.NewWriter(w)
	if _, err := file.WriteTo(out); err != nil {
		return err
	}
	return out.Flush()
}

// corpusLines breaks at spaces where there are some, else between characters.
func corpusLines(f *paper.Font, size, width float64, text string) (lines []string) {
	start, space, used := 0, 0, 0.0
	for i, r := range text {
		w := f.Width(string(r), size)
		if r == ' ' {
			space = i + 1
		}
		if used+w > width && r != ' ' {
			end := i
			if space > start {
				end = space
			}
			lines = append(lines, strings.TrimSpace(text[start:end]))
			start, used = end, f.Width(text[end:i], size)
		}
		used += w
	}
	return append(lines, text[start:])
}

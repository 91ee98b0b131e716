package ingest_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
)

// laidOut are the PDFs of testdata/pdf: what each is for, and where its text has to be right whatever else changes.
var laidOut = []struct {
	file string
	runs []string // stretches that stand in its text, in this order
	not  string   // what must not stand there
}{
	{"ja-headed", []string{"\n\n第1章 服務 その1\n\n第10条", "防災責任者の指示に従い、安", "\n\n株式会社ひかり 就業規則\n- 1 -", "否を確認したうえで"}, ""},
	{"ja-two", []string{"1. 節の見出し\n\n休暇を取ろうとする者は、三日前までに所属長", "2. 節の見出し\n\n会社は", "5. 節の見出し", "\n\n情報通信学会論文誌 第12巻\n1"}, ""},
	{"ja-vertical", []string{"縦書きの随筆\n\n従業員は、入社の日から六か月を経過したとき、十日の年次有給休暇を取ることができる。ただ\nし、出勤率が", "一万二千\n\n1", "円を上限とする"}, ""},
	{"ja-vert-cid", []string{"休暇を取ろうとする者は、三日前までに所属長に申し出なければな\nらない。", "災害の\n会社は、事業の正常な運営を妨げる場合に限り、請求された時季を\n変更することがある。", "\n\n1"}, ""},
	{"ja-tables", []string{"品番: KX-200 | 品名: 加湿器 | 単価: 12,000円 | 在庫: 0台 | 備考: 受注生産\n品番: KX-201", "\n\n社外秘 価格表 2026年版\n1ページ", "品番: KX-221",
		"部門: 総務部 | 科目: 旅費 | 金額: 120,000円\n部門: 総務部 | 科目: 会議費 | 金額: 35,000円\n部門: 営業部"}, "部門 科目"},
	{"ja-across", []string{"従業員は、入社の日から六か月を経過したとき、十\n日の年次有給休暇を取ることができる。ただし、出\n勤率が", "\n\n社内報 第41号\n1"}, ""},
	{"ja-cid", []string{"第1章 規程の細則\n\n", "\n\n－1－", "第2章 規程の細則\n\n"}, ""},
	{"ja-euc", []string{"点検記録 第1号\n\n設備: ポンプ1号機 | 周期: 1か月 | 担当: 保全係 | 結果: 良\n"}, "設備 周期"},
	{"en-two", []string{"Abstract\n\nThe battery", "in writing or by electronic mail. Unused goods", "\n\n2 Series 2 of the measurements\n\n", "not constant.\n1Note 1 about the hall:", "\n\nJournal of Small Lamps Vol. 7\n1",
		"Lamp: LM-40 | Lumens: 800 | Price: 59\n", "reviewed the mea-\n3Note 3"}, ""},
	{"en-report", []string{"1. Measurements of series 1\n\n", "\n\nInstrument committee - Annual report 2026\nPage 1", "Series: S1 | Mean: 3.1 | Deviation: 0.20\n"}, ""},
	{"en-across", []string{"The battery lasts six hours at the highest", "\n\nNewsletter no. 41\n1"}, ""},
	{"en-long", []string{"1. Chapter on lamps\n\nCharging", "\n\nHandbook of the small lamp page 1 of 40", "2. Chapter on lamps\n\n", "page 40 of 40"}, ""},
	{"en-turned", []string{"Charging takes three hours", "\n\nMinutes of the lamp committee 1"}, ""},
}

// Columns are read one after the other, tables row by row, what runs through all pages after the text of each.
func TestPDFLayout(t *testing.T) {
	for _, f := range laidOut {
		path := filepath.Join("testdata", "pdf", f.file+".pdf")
		_, pages, err := read(t, path)
		if err != nil {
			t.Errorf("%s: %v", f.file, err)
			continue
		}
		var texts []string
		for _, p := range pages {
			texts = append(texts, p.Text)
		}
		text := strings.Join(texts, "\n\f\n")
		rest := text
		for _, run := range f.runs {
			_, after, found := strings.Cut(rest, run)
			if !found {
				t.Errorf("%s: no %q after %d characters of\n%s", f.file, run, len([]rune(text))-len([]rune(rest)), text)
				break
			}
			rest = after
		}
		if f.not != "" && strings.Contains(text, f.not) {
			t.Errorf("%s: %q stands in the text", f.file, f.not)
		}
	}
}

// A page that is looked at by itself has the text that it has among the others.
func TestPDFLayoutOfSinglePages(t *testing.T) {
	p := pictures(t)
	for _, f := range laidOut {
		path := filepath.Join("testdata", "pdf", f.file+".pdf")
		_, pages, err := read(t, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages[:min(2, len(pages))] {
			picture, err := p.Page(t.Context(), path, page.Number, 40)
			if err != nil {
				t.Fatal(err)
			}
			if picture.Text != page.Text {
				t.Errorf("%s page %d by itself:\n%s\nwant\n%s", f.file, page.Number, picture.Text, page.Text)
			}
		}
	}
}

// Files in a PDF are pages after its own, each under its name; what cannot be read is noted.
func TestPDFAttachments(t *testing.T) {
	stream := func(dict, s string) string {
		return "<< " + dict + " /Length " + strconv.Itoa(len(s)) + " >>\nstream\n" + s + "\nendstream"
	}
	data := ingesttest.PDF(
		"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(a.txt) 6 0 R (b.bin) 8 0 R] >> >> >>",
		"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		stream("", "BT /F1 12 Tf 20 100 Td (See the attached list.) Tj ET"),
		"<< /Type /Filespec /F (a.txt) /UF (a.txt) /EF << /F 7 0 R >> >>",
		stream("/Type /EmbeddedFile", "bolts: 80\nnuts: 120"),
		"<< /Type /Filespec /F (b.bin) /UF (b.bin) /EF << /F 9 0 R >> >>",
		stream("/Type /EmbeddedFile", "\x01\x02"),
	)
	doc, pages, err := read(t, write(t, "a.pdf", data))
	if err != nil || len(pages) != 2 || pages[0].Text != "See the attached list." || pages[1].Text != "a.txt\n\nbolts: 80\nnuts: 120" {
		t.Errorf("%+v, %v", pages, err)
	}
	if len(doc.Findings) != 1 || doc.Findings[0].Name != "b.bin" || doc.Findings[0].Why != core.WhyKind {
		t.Errorf("findings %v", doc.Findings)
	}
}

// A protected file is opened with a password that is known, or that a person gives; a wrong one is asked for again, and none is a refusal.
func TestPDFPasswords(t *testing.T) {
	path := "testdata/password.pdf"
	opt := options(t)
	if _, _, err := readWith(t, path, opt); !errors.Is(err, core.ErrEncrypted) {
		t.Errorf("without a password: %v", err)
	}
	var asked []bool
	answers := []string{"wrong", "secret"}
	opt.Passwords = passwords(func(file string, again bool) (string, bool) {
		if file != "password.pdf" {
			t.Errorf("asked for %q", file)
		}
		asked = append(asked, again)
		return answers[len(asked)-1], true
	})
	for range 2 { // the second time it is known
		if _, pages, err := readWith(t, path, opt); err != nil || len(pages) != 2 || pages[0].Text != rulesPDF1 {
			t.Errorf("%v %v", pages, err)
		}
	}
	if len(asked) != 2 || asked[0] || !asked[1] {
		t.Errorf("asked %v", asked)
	}
	opt.Passwords = passwords(func(string, bool) (string, bool) { return "", false })
	if _, _, err := readWith(t, path, opt); !errors.Is(err, core.ErrEncrypted) {
		t.Errorf("nobody knows it: %v", err)
	}
}

func readWith(t *testing.T, path string, opt ingest.Options) (core.Document, []core.Page, error) {
	t.Helper()
	return ingest.Read(t.Context(), path, opt)
}

func passwords(ask func(file string, again bool) (string, bool)) *ingest.Passwords {
	return &ingest.Passwords{Ask: func(_ context.Context, file string, again bool) (string, bool) { return ask(file, again) }}
}

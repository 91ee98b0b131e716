package library

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
	"kakoi/core/ocr"
	"kakoi/core/ocr/ocrtest"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

func TestMain(m *testing.M) {
	if code, ok := ocr.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// TestReadPictures: a scanned file is offered to be read, nothing is read before a person says so, and then its text is there.
func TestReadPictures(t *testing.T) {
	w := newWorld(t)
	w.library.ProgramPath = ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng", "jpn"}, Lines: []string{"The scanned budget is 31,000 dollars."}})
	w.file("scan.pdf", string(ingesttest.Sheets(ingesttest.TextSheet("First page"), ingesttest.ScanSheet, ingesttest.ScanSheet)))
	s := w.screen()
	win := onWindow(t, w.desk, s, theme.Light, 100, fyne.NewSize(900, 600))
	s.m.adding.add([]string{filepath.Join(w.dir, "docs")})
	w.until("added", func() bool {
		return len(s.m.adding.tasks) == 0 && len(s.m.list.all) == 1 && s.m.health.report.Unread == 2
	})
	if got := s.buttons[partHealth].Text; got != w.Text("documents.part.health.n", 1) {
		t.Errorf("the tab says %q", got)
	}
	s.m.show(partHealth)
	tabTo(t, win, "the offer", buttonCalled(w.Text("documents.ocr.all")))
	key(win, false, fyne.KeyReturn)
	if len(w.asked) != 1 || !strings.Contains(w.asked[0].Text, "Pages: 2, documents: 1, languages: jpn, eng") || len(s.m.adding.tasks) != 0 {
		t.Fatalf("asked %+v", w.asked)
	}
	w.asked[0].Then()
	if b, ok := s.m.adding.bar(); !ok || b.title == "" {
		t.Error("there is no bar")
	}
	w.until("read", func() bool {
		return len(s.m.adding.tasks) == 0 && s.m.adding.read != nil && s.m.health.report.Unread == 0
	})
	if got := s.m.adding.sums(); !strings.Contains(got, "pages read: 2, documents: 1, 90% sure") {
		t.Errorf("said %s", got)
	}
	if !s.m.health.well() {
		t.Errorf("not well: %+v", s.m.health.findings)
	}
	s.m.opened.open(s.m.list.all[0].doc, 2)
	w.until("opened", func() bool { return s.m.opened.view != nil })
	if got := s.page.view.Page(); !strings.Contains(got.Text, "31,000") || got.Note != w.Text("page.note.ocr") || got.Picture == nil {
		t.Errorf("the page is %q, noted %q", got.Text, got.Note)
	}
	if got := s.m.opened.wellness(); got != "p. 2-3: text read from its picture (OCR), 90% sure." {
		t.Errorf("the document is %q", got)
	}
	if len(w.errors) > 0 {
		t.Errorf("errors: %v", w.errors)
	}
}

// unwell are documents with one of everything.
func unwell() []core.Document {
	all := docs(7)
	for i := range all {
		all[i].Kind = "pdf"
	}
	all[0].Findings = []core.Finding{{What: core.FindingPicture, Page: 3, Last: 9}, {What: core.FindingGarbled, Page: 12, Count: 830}, {What: core.FindingBlank, Page: 13}}
	all[1].State, all[1].Reason, all[1].Hint = core.DocumentFailed, "資料 00001.pdf は壊れています。", "取り寄せ直してください。"
	all[2].Kind, all[2].Findings = "eml", []core.Finding{{What: core.FindingInside, Name: "見積.xlsx", Why: core.WhyPassword}, {What: core.FindingInside, Name: "旧版.ppt", Why: core.WhyOld}}
	all[3].Findings = []core.Finding{{What: core.FindingPartly, Page: 1, Count: 14}, {What: core.FindingOCR, Page: 2, Count: 95}, {What: core.FindingOCR, Page: 3, Count: 41}}
	all[4].Kind, all[4].Findings = "txt", []core.Finding{{What: core.FindingEncoding, Name: "shift_jis", Count: 3}}
	all[5].Reader = 0
	return all
}

// TestHealthLooks compares pictures of what needs attention, with Tesseract and without.
func TestHealthLooks(t *testing.T) {
	for _, c := range []struct {
		name, lang, mode string
		percent          int
		missing          bool
	}{{"health_ja", "ja", theme.Light, 100, false}, {"health_en", "en", theme.Dark, 125, true}} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.lang = c.lang
			shelf := &shelf{docs: unwell()}
			if c.missing {
				shelf.noOCR = core.Explain(core.ErrNotFound, "error.ocr.missing")
			}
			s := New(Params{Shell: d, Library: shelf, Folders: &links{}, Bus: d.bus})
			w := onWindow(t, d, s, c.mode, c.percent, fyne.NewSize(900, 1500))
			s.m.show(partHealth)
			if n := len(s.m.health.findings); n != 7 {
				t.Errorf("%d kinds of findings", n)
			}
			uitest.LooksLike(t, c.name+".png", w.Canvas().Capture())
		})
	}
}

// TestPassword: a protected file is told, and read once a person has given its password.
func TestPassword(t *testing.T) {
	w := newWorld(t)
	w.library.Read.Passwords = &ingest.Passwords{}
	raw, err := os.ReadFile(filepath.Join("..", "..", "core", "ingest", "testdata", "password.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	w.file("secret.pdf", string(raw))
	s := w.screen()
	win := onWindow(t, w.desk, s, theme.Light, 100, fyne.NewSize(900, 600))
	s.m.adding.add([]string{filepath.Join(w.dir, "docs")})
	w.until("refused", func() bool { return len(s.m.adding.tasks) == 0 && len(s.m.health.locked) == 1 })
	if len(s.m.health.groups) != 0 || len(s.m.health.findings) != 0 || s.m.health.well() {
		t.Errorf("told otherwise, too: %+v %+v", s.m.health.groups, s.m.health.findings)
	}
	s.m.show(partHealth)
	tabTo(t, win, "the password", func(f fyne.Focusable) bool { e, ok := f.(*widget.Entry); return ok && e.Password })
	test.Type(win.Canvas().Focused(), "wrong")
	key(win, false, fyne.KeyReturn)
	w.until("tried", func() bool { return len(s.m.adding.tasks) == 0 && s.m.part == partDocuments })
	if len(s.m.health.locked) != 1 {
		t.Error("a wrong password opened it")
	}
	s.m.health.unlock("secret")
	w.until("read", func() bool { return len(s.m.adding.tasks) == 0 && s.m.health.well() && len(s.m.list.all) == 1 })
	if d := s.m.list.all[0].doc; d.State != core.DocumentReady || d.Chunks == 0 {
		t.Errorf("%+v", d)
	}
}

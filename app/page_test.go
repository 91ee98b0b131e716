package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/resources"
)

// shelf is a library with a PDF, and its pages.
func shelf(t *testing.T) (b *bench, pages *app.Pages, path string, doc core.Document) {
	t.Helper()
	b = open(t, nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	b.library.Read = ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm"), FontsDir: os.Getenv("KAKOI_FONTS")}
	raw, err := os.ReadFile("../core/ingest/testdata/office.pdf")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "就業規則.pdf")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := b.add(path); err != nil || s.Added != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	pages = app.OpenPages(b.library)
	t.Cleanup(func() {
		if err := pages.Close(); err != nil {
			t.Error(err)
		}
	})
	_, doc, err = b.library.Find(t.Context(), "", "就業規則.pdf")
	if err != nil {
		t.Fatal(err)
	}
	return b, pages, path, doc
}

func span(t *testing.T, text, stretch string) app.Span {
	t.Helper()
	before, _, found := strings.Cut(text, stretch)
	if !found {
		t.Fatalf("%q is not in %q", stretch, text)
	}
	start := len([]rune(before))
	return app.Span{Start: start, End: start + len([]rune(stretch))}
}

func TestPageWithItsPassages(t *testing.T) {
	_, pages, _, doc := shelf(t)
	v, err := pages.View(t.Context(), app.PageQuery{Document: doc.ID, Page: 1})
	if err != nil || v.Picture != nil || v.Note != "" || v.Pages != 2 || !strings.HasPrefix(v.Text, "就業規則\n") {
		t.Fatalf("text alone: %+v, %v", v, err)
	}
	mark := span(t, v.Text, "年次有給休暇を取るこ\nとができる")
	v, err = pages.View(t.Context(), app.PageQuery{Document: doc.ID, Page: 1, DPI: 96, Marks: []app.Span{mark, {Start: -4, End: 1 << 30}, {Start: 9, End: 3}}, Outline: true})
	if err != nil || v.Picture == nil || v.Note != "" {
		t.Fatalf("%q, %v", v.Note, err)
	}
	if len(v.Marks) != 3 || len(v.Marks[0].Places) != 2 || v.Marks[0].Span != mark {
		t.Errorf("a passage over a line end is %+v", v.Marks)
	}
	if all := v.Marks[1]; all.Start != 0 || all.End != len([]rune(v.Text)) {
		t.Errorf("a mark larger than the page is %v", all.Span)
	}
	if none := v.Marks[2]; none.End != none.Start || len(none.Places) != 0 {
		t.Errorf("a mark of nothing is %+v", none)
	}
	place := v.Marks[0].Places[0]
	if i, ok := v.Letters.At(place.Min.Add(place.Max).Div(2)); !ok || i < mark.Start || i >= mark.End {
		t.Errorf("in the middle of the passage %v stands character %d (%v)", mark, i, ok)
	}
	if len(v.Chunks) == 0 {
		t.Fatal("no outline")
	}
	for _, c := range v.Chunks {
		if c.End <= c.Start || !c.Bounds().In(v.Picture.Rect) || c.Bounds().Empty() {
			t.Errorf("chunk %+v on %v", c, v.Picture.Rect)
		}
	}
	// Marking darkens paper to the marker's colour, and the picture kept for the next time stays as it was.
	at := v.Marks[0].Places[0].Min
	before := v.Picture.RGBAAt(at.X, at.Y)
	if drawn := v.Drawn(); drawn.RGBAAt(at.X, at.Y) == before || v.Picture.RGBAAt(at.X, at.Y) != before {
		t.Errorf("marked %v, was %v", drawn.RGBAAt(at.X, at.Y), before)
	}
	again, err := pages.View(t.Context(), app.PageQuery{Document: doc.ID, Page: 1, DPI: 96, Marks: []app.Span{mark}})
	if err != nil || again.Picture != v.Picture || len(again.Marks[0].Places) != 2 {
		t.Errorf("the page was drawn again, or is marked otherwise: %v", err)
	}
}

// Whatever becomes of the file, the text is shown, and what is said about the file is true.
func TestPageOfAFileThatIsNoLongerTheSame(t *testing.T) {
	_, pages, path, doc := shelf(t)
	look := func(note string, picture bool) {
		t.Helper()
		v, err := pages.View(t.Context(), app.PageQuery{Document: doc.ID, Page: 2, DPI: 72, Marks: []app.Span{{Start: 0, End: 5}}})
		if err != nil || v.Note != note || (v.Picture != nil) != picture || !strings.HasPrefix(v.Text, "第2章 手当") || (v.Cause != nil) != (note == app.NoteUnreadable) {
			t.Errorf("note %q, picture %v, cause %v, %v; want note %q", v.Note, v.Picture != nil, v.Cause, err, note)
		}
		if _, ok := resources.Text("ja", note); !ok && note != "" {
			t.Errorf("%q has no text", note)
		}
	}
	look("", true)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	touch := func(raw []byte, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	touch(raw, now.Add(time.Hour)) // copied over by itself: the bytes are the same
	look("", true)
	other := append([]byte(nil), raw...)
	other[len(other)-1] ^= 1
	touch(other, now.Add(2*time.Hour))
	look(app.NoteChanged, false)
	touch(raw[:len(raw)/2], now.Add(3*time.Hour))
	look(app.NoteChanged, false)
	touch(raw, now.Add(4*time.Hour))
	look("", true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look(app.NoteGone, false)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	look(app.NoteChanged, false)
}

func TestPageThatIsNotThere(t *testing.T) {
	b, pages, _, doc := shelf(t)
	broken := filepath.Join(b.dir, "broken.pdf")
	if err := os.WriteFile(broken, []byte("%PDF-1.4\nnothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(broken); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    app.PageQuery
		key  string
		want error
	}{
		{app.PageQuery{Document: doc.ID, Page: 3}, "error.page.number", core.ErrNotFound},
		{app.PageQuery{Document: doc.ID}, "error.page.number", core.ErrNotFound},
		{app.PageQuery{Document: core.DocumentID("/nowhere"), Page: 1}, "error.library.document", core.ErrNotFound},
		{app.PageQuery{Document: core.DocumentID(broken), Page: 1}, "error.page.none", core.ErrEmpty},
		{app.PageQuery{Collection: "other", Document: doc.ID, Page: 1}, "error.library.collection", core.ErrNotFound},
	} {
		_, err := pages.View(t.Context(), c.q)
		var user *core.UserError
		if !errors.As(err, &user) || user.Key != c.key || !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.q, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pages.View(ctx, app.PageQuery{Document: doc.ID, Page: 1, DPI: 96}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPageOfAKindWithoutPages(t *testing.T) {
	b, pages, _, _ := shelf(t)
	dir := b.files(1, 3)
	if _, err := b.add(dir); err != nil {
		t.Fatal(err)
	}
	v, err := pages.View(t.Context(), app.PageQuery{Document: core.DocumentID(filepath.Join(dir, "doc00.txt")), Page: 1, DPI: 96, Outline: true, Marks: []app.Span{{Start: 2, End: 8}}})
	if err != nil || v.Note != app.NoteKind || v.Picture != nil || v.Drawn() != nil || v.Marks[0].Span != (app.Span{Start: 2, End: 8}) || len(v.Chunks) == 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// The pictures that are kept stay within their bound, and the one shown last is among them.
func TestPagesKeepFewPictures(t *testing.T) {
	_, pages, _, doc := shelf(t)
	for dpi := 100; dpi <= 300; dpi += 25 {
		for page := 1; page <= 2; page++ {
			q := app.PageQuery{Document: doc.ID, Page: page, DPI: dpi}
			v, err := pages.View(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if kept := pages.Kept(); kept > 64<<20 {
				t.Fatalf("%d bytes are kept", kept)
			}
			if again, err := pages.View(t.Context(), q); err != nil || again.Picture != v.Picture {
				t.Errorf("page %d at %d dpi was not kept", page, dpi)
			}
		}
	}
}

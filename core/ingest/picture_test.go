package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
)

func pictures(t testing.TB) *ingest.Pictures {
	t.Helper()
	p := ingest.OpenPictures(options(t))
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// marks finds a stretch of the page's text on its picture.
func marks(t *testing.T, p ingest.Picture, stretch string) []image.Rectangle {
	t.Helper()
	before, _, found := strings.Cut(p.Text, stretch)
	if !found {
		t.Fatalf("%q is not in %q", stretch, p.Text)
	}
	start := len([]rune(before))
	return p.Marks(start, start+len([]rune(stretch)))
}

// ink counts the dark pixels of a picture inside and outside of rectangles.
func ink(p ingest.Picture, in []image.Rectangle) (inside, outside int) {
	for y := range p.Image.Rect.Dy() {
		for x := range p.Image.Rect.Dx() {
			if p.Image.Pix[p.Image.PixOffset(x, y)+1] > 128 {
				continue
			}
			if slices.ContainsFunc(in, func(r image.Rectangle) bool { return image.Pt(x, y).In(r) }) {
				inside++
			} else {
				outside++
			}
		}
	}
	return inside, outside
}

// Pages have the text that reading them gives, so places in it can be marked; all letters stand inside of the marks.
func TestPicturesHaveTheReadersText(t *testing.T) {
	p := pictures(t)
	for _, f := range fixtures {
		if f.kind != "pdf" {
			continue
		}
		for i, want := range f.pages {
			page, err := p.Page(t.Context(), filepath.Join("testdata", f.file), i+1, 96)
			if err != nil {
				t.Fatal(err)
			}
			if page.Text != want || page.Pages != len(f.pages) {
				t.Errorf("%s page %d of %d: %q, want %q", f.file, i+1, page.Pages, page.Text, want)
			}
			inside, outside := ink(page, page.Marks(0, len([]rune(page.Text))))
			if want != "" && (inside < 100 || outside > inside/5) { // lines of tables stand outside
				t.Errorf("%s page %d: %d dark pixels inside of the marks, %d outside", f.file, i+1, inside, outside)
			}
		}
	}
}

// near says whether r lies where points of the sheet say, at 72 dpi.
func near(r image.Rectangle, left, top, right, bottom int) bool {
	close := func(a, b int) bool { return a-b <= 4 && b-a <= 4 }
	return close(r.Min.X, left) && close(r.Min.Y, top) && close(r.Max.X, right) && close(r.Max.Y, bottom)
}

func TestMarks(t *testing.T) {
	p := pictures(t)
	page := func(file string, number int) ingest.Picture {
		t.Helper()
		pic, err := p.Page(t.Context(), filepath.Join("testdata", file), number, 72)
		if err != nil {
			t.Fatal(err)
		}
		return pic
	}

	office := page("office.pdf", 1)
	got := marks(t, office, "年次有給休暇を取るこ\nとができる。")
	if len(got) != 2 || got[0].Max.X < 530 || got[1].Min.X > 75 || got[1].Min.Y < got[0].Max.Y-1 || got[0].Dy() > 20 || got[1].Dy() > 20 {
		t.Errorf("a passage over a line end is marked at %v", got)
	}
	if got := marks(t, office, "three days"); len(got) != 1 || got[0].Dx() < 50 || got[0].Dx() > 90 {
		t.Errorf("two words of one line, in two fonts, are marked at %v", got)
	}

	columns := page("columns.pdf", 1)
	if got := marks(t, columns, "Item Price"); len(got) != 2 || !near(got[0], 72, 100, 94, 115) || !near(got[1], 222, 100, 250, 115) {
		t.Errorf("two cells of a row far apart are marked at %v", got)
	}
	if got := marks(t, columns, "document"); len(got) != 2 || got[1].Min.X != 71 && got[1].Min.X != 72 || got[0].Min.X < 200 {
		t.Errorf("a word divided by a hyphen is marked at %v", got)
	}

	vertical := page("cid.pdf", 4)
	got = marks(t, vertical, "の通達\n第二")
	if len(got) != 2 || got[0].Dy() < 2*got[0].Dx() || got[1].Max.X > got[0].Min.X || got[1].Min.Y >= got[0].Min.Y {
		t.Errorf("vertical writing over a column's end is marked at %v", got)
	}

	for _, r := range [][2]int{{-5, 0}, {3, 3}, {7, 2}, {100000, 100005}} {
		if got := office.Marks(r[0], r[1]); len(got) != 0 {
			t.Errorf("characters %v are marked at %v", r, got)
		}
	}
	whole := office.Marks(0, len([]rune(office.Text)))
	if got := office.Marks(-5, 100000); !slices.Equal(got, whole) || len(got) == 0 {
		t.Errorf("more than the page is marked at %v, the page at %v", got, whole)
	}
}

// sheet is a PDF of one page with one line of text.
func sheet(attributes string) []byte {
	content := "BT /F1 24 Tf 120 300 Td (Upside and cropped) Tj ET"
	return ingesttest.PDF("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"<< /Type /Page /Parent 2 0 R "+attributes+" /Resources << /Font << /F1 3 0 R >> >> /Contents 5 0 R >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content))
}

// Sheets that are turned, cropped or start elsewhere than at 0 have their marks on the letters all the same.
func TestMarksOnTurnedAndCroppedSheets(t *testing.T) {
	p := pictures(t)
	for _, attributes := range []string{
		"/MediaBox [0 0 500 700]",
		"/MediaBox [0 0 500 700] /Rotate 90",
		"/MediaBox [0 0 500 700] /Rotate 180",
		"/MediaBox [0 0 500 700] /Rotate 270",
		"/MediaBox [0 0 500 700] /CropBox [100 250 450 400]",
		"/MediaBox [-50 -80 500 700] /CropBox [100 250 450 400] /Rotate 90",
		"/MediaBox [100 250 450 400]",
	} {
		page, err := p.Page(t.Context(), write(t, "a.pdf", sheet(attributes)), 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		got := marks(t, page, "and")
		inside, _ := ink(page, got)
		all, outside := ink(page, page.Marks(0, 100))
		if len(got) != 1 || outside > 0 || inside < all/8 || inside > all/4 {
			t.Errorf("%s: \"and\" at %v with %d of %d dark pixels, %d outside of all marks", attributes, got, inside, all, outside)
		}
	}
	page, err := p.Page(t.Context(), write(t, "wall.pdf", sheet("/MediaBox [0 0 14400 14400]")), 1, 300)
	if err != nil || page.DPI >= 300 || page.Image.Rect.Dx()*page.Image.Rect.Dy() > 16<<20 {
		t.Errorf("a wall of a sheet: %d dpi, %v, %v", page.DPI, page.Image.Rect, err)
	}
}

func TestPicturesRefuse(t *testing.T) {
	p := pictures(t)
	office, err := os.ReadFile("testdata/office.pdf")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, key string
		want            error
	}{
		{"password", "testdata/password.pdf", "error.file.encrypted", core.ErrEncrypted},
		{"gone", "testdata/gone.pdf", "error.file.missing", core.ErrNotFound},
		{"another kind", "testdata/rules.md", "error.file.kind", core.ErrUnsupported},
		{"text", write(t, "a.pdf", []byte("text")), "error.file.broken", core.ErrCorrupt},
		{"cut off", write(t, "a.pdf", office[:len(office)/2]), "error.file.broken", core.ErrCorrupt},
		{"empty", write(t, "a.pdf", nil), "error.file.empty", core.ErrEmpty},
	} {
		_, err := p.Page(t.Context(), c.path, 1, 96)
		var user *core.UserError
		if !errors.Is(err, c.want) || !errors.As(err, &user) || user.Key != c.key {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := p.Page(t.Context(), "testdata/office.pdf", 1, 96); err != nil {
			t.Errorf("after %s: %v", c.name, err)
		}
	}
	for _, number := range []int{-1, 0, 3} {
		if _, err := p.Page(t.Context(), "testdata/office.pdf", number, 96); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("page %d: %v", number, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Page(t.Context(), "testdata/office.pdf", 1, 96); err == nil {
		t.Error("a closed Pictures draws")
	}
}

// A file that was written anew under the same name is drawn as it is now.
func TestPicturesFollowTheFile(t *testing.T) {
	p := pictures(t)
	path := write(t, "a.pdf", sheet("/MediaBox [0 0 500 700]"))
	if _, err := p.Page(t.Context(), path, 1, 72); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(sheet("/MediaBox [0 0 500 700]"), []byte("Upside"), []byte("Inside"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if page, err := p.Page(t.Context(), path, 1, 72); err != nil || page.Text != "Inside and cropped" {
		t.Errorf("%q, %v", page.Text, err)
	}
}

func TestPicturesStop(t *testing.T) {
	p := pictures(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Page(ctx, "testdata/office.pdf", 1, 96); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	// Whoever does not wait leaves the others a page that comes.
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Millisecond)
		if _, err := p.Page(ctx, "testdata/office.pdf", 1, 300); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled meanwhile: %v", err)
		}
		cancel()
	}
	if page, err := p.Page(t.Context(), "testdata/office.pdf", 2, 96); err != nil || page.Text != rulesPDF2 {
		t.Errorf("afterwards: %v", err)
	}
	// Close ends even a page that would take minutes.
	slow := ingest.OpenPictures(options(t))
	path := write(t, "slow.pdf", bigPDFOf(1, 100000))
	done := make(chan error, 1)
	go func() {
		_, err := slow.Page(context.Background(), path, 1, 96)
		done <- err
	}()
	time.Sleep(300 * time.Millisecond)
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("the page came although Pictures was closed before")
	}
}

// From nothing, with the compiled engine prepared; opening another document; turning pages of 7,000 characters.
func BenchmarkPicture(b *testing.B) {
	b.Run("cold", func(b *testing.B) {
		for range b.N {
			p := ingest.OpenPictures(options(b))
			if _, err := p.Page(b.Context(), "testdata/office.pdf", 1, 110); err != nil {
				b.Fatal(err)
			}
			if err := errors.Join(p.Close(), ingest.Close()); err != nil {
				b.Fatal(err)
			}
		}
	})
	path := filepath.Join(b.TempDir(), "big.pdf")
	if err := os.WriteFile(path, bigPDF(300), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		p := pictures(b)
		if _, err := p.Page(b.Context(), path, 1, 110); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for i := range b.N {
			if _, err := p.Page(b.Context(), []string{"testdata/office.pdf", path}[i%2], 1, 110); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("turn", func(b *testing.B) {
		p := pictures(b)
		if _, err := p.Page(b.Context(), path, 300, 110); err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		for i := range b.N {
			if _, err := p.Page(b.Context(), path, 1+i%300, 110); err != nil {
				b.Fatal(err)
			}
		}
	})
}

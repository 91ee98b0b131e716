package paper_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app/paper"
	"kakoi/core"
	"kakoi/core/ingest"
)

// font is one of those that set-up fetches.
func font(t *testing.T) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "..", "bin", "fonts")), "NotoSansJP-Regular.ttf"))
	if err != nil {
		t.Fatalf("%v: make prepares the fonts", err)
	}
	return raw
}

// Whatever is written is read back by the program's own reader.
func TestWrittenIsRead(t *testing.T) {
	lines := []string{
		"年次有給休暇は、入社6か月後に10日与えられます。",
		"𠮟る・𠮷野家・髙﨑・①Ⅳ㈱・ｶﾀｶﾅ・「括弧」ー〜", // above U+FFFF, compatibility forms
		"Café (à la carte) \\ <tag> & 100% £4,980",
		"⼀と一は同じ字形", // two characters of one glyph
	}
	var f paper.File
	f.Title, f.Lang = "休暇の件 𠮟", "ja"
	noto, err := f.AddFont(font(t))
	if err != nil {
		t.Fatal(err)
	}
	for p := range 2 {
		if f.AddPage() != p {
			t.Fatal("page number")
		}
		for i, line := range lines {
			f.Text(p, noto, 11, 0, 56, 80+24*float64(i), line)
		}
	}
	var out bytes.Buffer
	n, err := f.WriteTo(&out)
	if err != nil || n != int64(out.Len()) {
		t.Fatal(n, err)
	}
	if n > 60_000 {
		t.Errorf("%d bytes: more than the used characters", n)
	}
	path := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	_, pages, err := ingest.Read(context.Background(), path, ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm")})
	if err != nil || len(pages) != 2 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, p := range pages {
		for _, line := range lines {
			if !strings.Contains(p.Text, line) {
				t.Errorf("page %d lacks %q:\n%s", p.Number, line, p.Text)
			}
		}
	}
}

// Readers find objects by the table at the end; the forgiving ones would hide a wrong one.
func TestTableOfObjects(t *testing.T) {
	var f paper.File
	noto, err := f.AddFont(font(t))
	if err != nil {
		t.Fatal(err)
	}
	f.Text(f.AddPage(), noto, 11, 0, 56, 80, "休暇")
	var out bytes.Buffer
	if _, err := f.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	raw := out.String()
	var at, count int
	if _, err := fmt.Sscanf(raw[strings.LastIndex(raw, "startxref"):], "startxref\n%d", &at); err != nil || !strings.HasPrefix(raw[at:], "xref\n0 ") {
		t.Fatalf("table at %d: %v", at, err)
	}
	lines := strings.Split(raw[at:], "\n")
	if _, err := fmt.Sscanf(lines[1], "0 %d", &count); err != nil || count < 8 {
		t.Fatal(lines[1], err)
	}
	for n := 1; n < count; n++ {
		var place int
		if _, err := fmt.Sscanf(lines[2+n], "%d", &place); err != nil || len(lines[2+n]) != 19 || !strings.HasPrefix(raw[place:], fmt.Sprintf("%d 0 obj\n", n)) {
			t.Errorf("object %d: %q", n, lines[2+n])
		}
	}
}

func TestWidth(t *testing.T) {
	f, err := paper.ParseFont(font(t))
	if err != nil {
		t.Fatal(err)
	}
	if w := f.Width("年次", 10); w != 20 {
		t.Errorf("two kanji of 10 points are %g wide", w)
	}
	if narrow := f.Width("il", 10); narrow <= 0 || narrow >= 10 {
		t.Errorf("two narrow letters are %g wide", narrow)
	}
}

func TestBrokenFonts(t *testing.T) {
	whole := font(t)
	for _, n := range []int{0, 5, 12, 100, 1000, len(whole) / 2} {
		if _, err := paper.ParseFont(whole[:n]); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%d bytes of a font: %v", n, err)
		}
	}
	if _, err := paper.ParseFont([]byte(strings.Repeat("kakoi ", 1000))); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("no font: %v", err)
	}
}

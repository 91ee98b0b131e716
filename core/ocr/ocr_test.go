package ocr_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"kakoi/core"
	"kakoi/core/ocr"
	"kakoi/core/ocr/ocrtest"
)

// dialWord makes this program dial the address after it.
const dialWord = "dial"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == dialWord {
		if _, err := net.Dial("tcp", os.Args[2]); err != nil {
			os.Exit(7)
		}
		os.Exit(0)
	}
	if code, ok := ocr.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// grey is a picture in one grey, which the fake program reads as text.
func grey(level uint8) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, 60, 40))
	for i := range out.Pix {
		out.Pix[i] = level
	}
	return out
}

func TestFind(t *testing.T) {
	fake := ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng", "jpn", "jpn_vert", "osd", "fra"}})
	r, err := ocr.Find(t.Context(), fake)
	if err != nil {
		t.Fatal(err)
	}
	if r.Path != filepath.Join(fake, "tesseract") || r.Version != "5.3.0" || strings.Join(r.Languages, " ") != "eng fra jpn jpn_vert" {
		t.Errorf("found %+v", r)
	}
	if got := strings.Join(r.Best(), " "); got != "jpn jpn_vert eng" {
		t.Errorf("best are %s", got)
	}
	if got, err := r.Choose([]string{" fra", "fra", ""}); err != nil || strings.Join(got, " ") != "fra" {
		t.Errorf("chosen %v %v", got, err)
	}
	if _, err := r.Choose([]string{"deu"}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("a language that is not installed: %v", err)
	}
}

// TestFindNone: no program, one that is another, one without languages.
func TestFindNone(t *testing.T) {
	if path, err := exec.LookPath("tesseract"); err == nil {
		if r, err := ocr.Find(t.Context(), ""); err != nil || r.Path == "" {
			t.Errorf("%s is there and not found: %v", path, err)
		}
	} else if _, err := ocr.Find(t.Context(), ""); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("nothing is there: %v", err)
	}
	for what, script := range map[string]string{"another program": "echo hello 1", "no languages": `case "$1" in --version) echo tesseract 5.0;; *) echo List:;; esac`, "a failing one": "exit 3"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tesseract"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if r, err := ocr.Find(t.Context(), dir); err == nil && r.Path == filepath.Join(dir, "tesseract") {
			t.Errorf("%s is taken: %+v", what, r)
		}
	}
}

func fake(t *testing.T, opt ocrtest.Options) ocr.Reader {
	t.Helper()
	r, err := ocr.Find(t.Context(), ocrtest.Fake(t, opt))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRead: the text is put together as it stands, Japanese words without spaces.
func TestRead(t *testing.T) {
	r := fake(t, ocrtest.Options{Languages: []string{"eng", "jpn"}, Lines: []string{"第 1 条 この 規則", "Rules of the house"}})
	page, err := r.Read(t.Context(), grey(200), ocr.Options{DPI: 300})
	if err != nil || page.Text != "第1条この規則\nRules of the house" || page.Confidence != 90 || page.Language != "jpn+eng" {
		t.Errorf("read %+v, %v", page, err)
	}
}

// TestDirections: what reads badly in lines is read in columns, and the better is taken.
func TestDirections(t *testing.T) {
	opt := ocrtest.Options{Languages: []string{"jpn", "jpn_vert"}, Lines: []string{"縦書き"}, Confidence: 20, Vertical: 92}
	page, err := fake(t, opt).Read(t.Context(), grey(200), ocr.Options{})
	if err != nil || page.Language != "jpn_vert" || page.Confidence != 92 {
		t.Errorf("in columns: %+v, %v", page, err)
	}
	opt.Confidence, opt.Vertical = 60, 30
	page, err = fake(t, opt).Read(t.Context(), grey(200), ocr.Options{})
	if err != nil || page.Language != "jpn" || page.Confidence != 60 {
		t.Errorf("in lines: %+v, %v", page, err)
	}
	opt.Confidence, opt.Vertical = 10, 0
	if page, err = fake(t, opt).Read(t.Context(), grey(200), ocr.Options{}); err != nil || page.Text != "" || page.Confidence != 0 {
		t.Errorf("stains are read as %+v, %v", page, err)
	}
}

// TestClosedIn: the program sees neither the files of the person nor a network, its folder is empty and gone afterwards.
func TestClosedIn(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KAKOI_SECRET", "private")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	// A program that can dial lies beside the fake one, where it may be run, and somebody answers.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dialer, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := exec.Command(self, dialWord, address).Run(); err != nil {
		t.Fatalf("nobody answers outside: %v", err)
	}
	dir := ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}, Try: `
cat ` + secret + ` >/dev/null 2>&1 && say read_secret
( : > ` + secret + ` ) 2>/dev/null && say wrote_secret
ls ` + filepath.Dir(secret) + ` >/dev/null 2>&1 && say listed
[ -n "$KAKOI_SECRET" ] && say environment
[ "$(ls -A . | wc -l)" = 0 ] || say folder_not_empty
( : > scratch ) && say scratch
dd if=/dev/zero of=big bs=1024 count=4096 >/dev/null 2>&1 && say wrote_much
"${0%/*}/dialer" dial ` + address + ` 2>/dev/null; [ $? = 7 ] && say no_network
[ "$(ulimit -v)" = 3145728 ] && say memory
[ "$(ulimit -n)" = 64 ] && say descriptors
`})
	if err := os.WriteFile(filepath.Join(dir, "dialer"), dialer, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := ocr.Find(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.Read(t.Context(), grey(0), ocr.Options{})
	if err != nil || page.Text != "scratch no_network memory descriptors" {
		t.Errorf("the program says %q, %v", page.Text, err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestHomeStaysClosed: a program that lies in the home folder itself does not see what else lies there.
func TestHomeStaysClosed(t *testing.T) {
	home := ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}, Try: `cat "${0%/*}/letter.txt" >/dev/null 2>&1 && say read || say closed`})
	if err := os.WriteFile(filepath.Join(home, "letter.txt"), []byte("private"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ home, want string }{{home, "closed"}, {t.TempDir(), "read"}} {
		t.Setenv("HOME", c.home)
		r, err := ocr.Find(t.Context(), home)
		if err != nil {
			t.Fatal(err)
		}
		if page, err := r.Read(t.Context(), grey(0), ocr.Options{}); err != nil || page.Text != c.want {
			t.Errorf("with the home %s: %q, %v; want %s", c.home, page.Text, err, c.want)
		}
	}
}

// TestSweep: folders of runs that were killed go when the program is looked for; what is in use or somebody else's name stays.
func TestSweep(t *testing.T) {
	dir := ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}})
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{"kakoi-ocr-1", "kakoi-ocr-2", "other"} {
		if err := os.MkdirAll(filepath.Join(temp, name, "inner"), 0o700); err != nil {
			t.Fatal(err)
		}
		if name == "kakoi-ocr-2" {
			continue
		}
		if err := os.Chtimes(filepath.Join(temp, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ocr.Find(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 2 || left[0].Name() != "kakoi-ocr-2" || left[1].Name() != "other" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestOddOutput: rows that no Tesseract writes are passed over, whatever they hold.
func TestOddOutput(t *testing.T) {
	r := fake(t, ocrtest.Options{Languages: []string{"eng"}, Lines: []string{"sound words"}, Try: `
printf '5\t1\t1\t1\t1\t1\t10\t10\t5\t5\tNaN\tghost\n5\t1\t1\t1\t1\t1\tinf\t10\t5\t5\t95\tghost\n5\t1\t1\t1\t1\t1\t1e300\t10\t5\t5\t95\tghost\n'
printf '5\t1\tghost\n5\t1\t1\t1\t1\t1\t10\t10\t5\t5\t95\tgh\tost\n5\t1\t1\t1\t1\t1\t10\t10\t5\t5\t95\tgh\377ost\n5\t1\t1\t1\t1\t1\t10\t10\t5\t5\t-1\tghost\n'
`})
	page, err := r.Read(t.Context(), grey(0), ocr.Options{})
	if err != nil || page.Text != "sound words" || page.Confidence != 90 {
		t.Errorf("read %+v, %v", page, err)
	}
}

// TestLimits: time, output, a program that fails, and one that is killed.
func TestLimits(t *testing.T) {
	hang := ocrtest.Options{Languages: []string{"eng"}, Try: "sleep 60 & sleep 60"}
	start := time.Now()
	if _, err := fake(t, hang).Read(t.Context(), grey(0), ocr.Options{Timeout: 300 * time.Millisecond}); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a program that hangs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := fake(t, hang)
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, err := r.Read(ctx, grey(0), ocr.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("hanging programs took %v", took)
	}
	for what, c := range map[string]struct {
		try string
		is  error
	}{
		"endless output": {"yes", core.ErrTooLarge}, "failure": {"echo broken >&2; exit 1", core.ErrUnsupported}, "a crash": {"kill -SEGV $$", core.ErrUnsupported},
	} {
		_, err := fake(t, ocrtest.Options{Languages: []string{"eng"}, Try: c.try}).Read(t.Context(), grey(0), ocr.Options{})
		var said *core.UserError
		if !errors.Is(err, c.is) || !errors.As(err, &said) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRealTesseract reads drawn pages with the program of this machine; where there is none, the fake one has shown the rest.
func TestRealTesseract(t *testing.T) {
	r, err := ocr.Find(t.Context(), os.Getenv("PATH"))
	if errors.Is(err, core.ErrNotFound) {
		t.Log("no tesseract on this machine")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]*image.Gray{"eng": lines(t, false, "The budget of department 3 is 24,500 dollars.", "Claims are due on the 15th of the next month.")}
	wants := map[string]string{"eng": "The budget of department 3 is 24,500 dollars.\nClaims are due on the 15th of the next month."}
	if slices.Contains(r.Languages, "jpn") {
		pages["jpn"] = lines(t, false, "第1条この規則は従業員の労働条件を定める。", "経費の精算は翌月15日までに申請すること。")
		wants["jpn"] = "第1条この規則は従業員の労働条件を定める。\n経費の精算は翌月15日までに申請すること。"
	}
	if slices.Contains(r.Languages, "jpn_vert") {
		pages["jpn_vert"] = lines(t, true, "第一条この規則は従業員の労働条件", "を定める年次有給休暇は入社から", "六か月後に十日付与する経費の精算")
		wants["jpn_vert"] = "第一条この規則は従業員の労働条件\nを定める年次有給休暇は入社から\n六か月後に十日付与する経費の精算"
	}
	for language, picture := range pages {
		start := time.Now()
		page, err := r.Read(t.Context(), picture, ocr.Options{DPI: 300})
		if err != nil {
			t.Errorf("%s: %v", language, err)
			continue
		}
		t.Logf("%s: %d%% sure, in %s, %v: %s", language, page.Confidence, page.Language, time.Since(start), page.Text)
		// The paragraphs are Tesseract's opinion.
		if away := distance(strings.ReplaceAll(page.Text, "\n", ""), strings.ReplaceAll(wants[language], "\n", "")); away*20 > len([]rune(wants[language])) {
			t.Errorf("%s: %d letters of %d are others: %s", language, away, len([]rune(wants[language])), page.Text)
		}
	}
	if page, err := r.Read(t.Context(), grey(255), ocr.Options{DPI: 300}); err != nil || page.Text != "" {
		t.Errorf("an empty page is %+v, %v", page, err)
	}
}

// lines draws text, in columns from the right when down is set.
func lines(t *testing.T, down bool, text ...string) *image.Gray {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "kakoi-build", "fonts", "NotoSansJP-Regular.ttf"))
	if err != nil {
		t.Fatalf("run make setup: %v", err)
	}
	parsed, err := opentype.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	const size = 50
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	long := 0
	for _, l := range text {
		long = max(long, len([]rune(l)))
	}
	across, along := 200+len(text)*110, 300+long*size*5/4
	out := image.NewGray(image.Rect(0, 0, along, across))
	if down {
		out = image.NewGray(image.Rect(0, 0, across, along))
	}
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	d := font.Drawer{Dst: out, Src: image.NewUniform(color.Gray{20}), Face: face}
	for i, l := range text {
		if !down {
			d.Dot = fixed.P(120, 140+i*110)
			d.DrawString(l)
			continue
		}
		for k, c := range []rune(l) {
			d.Dot = fixed.P(across-150-i*110, 140+k*size*5/4)
			d.DrawString(string(c))
		}
	}
	return out
}

// distance is Levenshtein's.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		before := row[0]
		row[0] = i + 1
		for j := range y {
			cost := before
			if x[i] != y[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(y)]
}

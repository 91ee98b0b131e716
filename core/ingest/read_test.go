package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
)

// options keeps PDFium's compiled code outside the tree, so that a second run starts in 0.2 s instead of 6.
func options(t testing.TB) ingest.Options {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	// make test names the fonts that set-up fetched; without it the system's have to hold Japanese.
	return ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm"), FontsDir: os.Getenv("KAKOI_FONTS")}
}

func read(t *testing.T, path string) (core.Document, []core.Page, error) {
	t.Helper()
	return ingest.Read(context.Background(), path, options(t))
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The same document through pandoc and LibreOffice; they differ in where empty lines stand.
const (
	rulesHead = "就業規則\n\n第1章 休暇\n\n第1条 従業員は、入社の日から6か月を経過したとき、10日の年次有給休暇を取ることができる。ただし、出勤率が8割に満たない者を除く。\n"
	rulesMail = "Article 2. Requests are made at least three days before the leave, in writing or by e-mail.\n\n"
	rulesRows = "勤続年数: 6か月 | 日数: 10日\n勤続年数: 1年6か月 | 日数: 11日\n勤続年数: 6年6か月以上 | 日数: 20日\n\n"
	rulesPay  = "第2章 手当\n\n1. 通勤手当は月額5万円を上限とする。\n"
	rulesEnd  = "製品KX-200の保守は①平日9時から②土曜10時から行う。"

	rulesPDF1 = "就業規則\n\n第1章 休暇\n\n第1条 従業員は、入社の日から6か月を経過したとき、10日の年次有給休暇を取るこ\nとができる。ただし、出勤率が8割に満たない者を除く。\n" +
		"Article 2. Requests are made at least three days before the leave, in \nwriting or by e-mail.\n\n" +
		"勤続年数: 6か月 | 日数: 10日\n勤続年数: 1年6か月 | 日数: 11日\n勤続年数: 6年6か月以上 | 日数: 20日"
	rulesPDF2 = "第2章 手当\n\n1. 通勤手当は月額5万円を上限とする。\n2. 時間外手当:\n– 平日は25%増し\n– 休日は35%増し\n" + rulesEnd
)

var fixtures = []struct {
	file, kind string
	pages      []string
}{
	{"rules.md", "md", []string{rulesHead + "\n" + rulesMail + rulesRows + "<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>\n\n" + rulesPay +
		"2. 時間外手当:\n  - 平日は25%増し\n  - 休日は35%増し\n\n" + rulesEnd}},
	{"pandoc.html", "html", []string{rulesHead + "\n" + rulesMail + rulesRows + rulesPay + "2. 時間外手当:\n- 平日は25%増し\n- 休日は35%増し\n\n" + rulesEnd}},
	{"office.html", "html", []string{rulesHead + "\n" + rulesMail + rulesRows + rulesPay + "\n2. 時間外手当:\n\n- 平日は25%増し\n\n- 休日は35%増し\n\n" + rulesEnd}},
	{"pandoc.docx", "docx", []string{rulesHead + rulesMail + rulesRows + rulesPay + "2. 時間外手当:\n  - 平日は25%増し\n  - 休日は35%増し\n" + rulesEnd}},
	{"office.docx", "docx", []string{rulesHead + rulesMail + rulesRows + rulesPay + "2. 時間外手当:\n  - 平日は25%増し\n  - 休日は35%増し\n" + rulesEnd}},
	{"office.pdf", "pdf", []string{rulesPDF1, rulesPDF2}},
	{"owner.pdf", "pdf", []string{rulesPDF1, rulesPDF2}}, // encrypted, but opens without a password
	{"cid.pdf", "pdf", []string{"有給休暇の日数は①十日\n髙橋㈱の規程", "出張旅費の精算\n上限は五万円𠮷野", "あいう", "縦書きの通達\n第二行です"}},
	{"columns.pdf", "pdf", []string{"Order form\nItem Price\nBolt M3 80 yen\nThe maintenance of this document is yearly.", ""}},
	{"sjis.html", "html", []string{"価格表 ①\n\n有給休暇は十日です。\nＡＢＣ㈱ & 髙橋\n\n二〇二六年\n品目: ネジ | 価格: 120円 | 在庫: あり\n品目: ネジ | 価格: 150円 | 在庫: なし\n" +
		"品目: 送料 | 在庫: 無料\n\n- 平日\n- 午前\n- 休日\n\nx  =  1\ny"}},
}

func TestReadFixtures(t *testing.T) {
	for _, f := range fixtures {
		path := filepath.Join("testdata", f.file)
		doc, pages, err := read(t, path)
		if err != nil {
			t.Errorf("%s: %v", f.file, err)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		abs, _ := filepath.Abs(path)
		if doc.Name != f.file || doc.Kind != f.kind || doc.Source != abs || doc.Size != int64(len(data)) || doc.Pages != len(f.pages) ||
			doc.SHA256 != hex.EncodeToString(sum[:]) || doc.Modified.IsZero() {
			t.Errorf("%s: %+v", f.file, doc)
		}
		if len(pages) != len(f.pages) {
			t.Errorf("%s: %d pages, want %d", f.file, len(pages), len(f.pages))
			continue
		}
		for i, p := range pages {
			if p.Number != i+1 || p.Text != f.pages[i] {
				t.Errorf("%s page %d (number %d):\n%q\nwant\n%q", f.file, i+1, p.Number, p.Text, f.pages[i])
			}
		}
	}
}

func TestReadText(t *testing.T) {
	for in, want := range map[string]string{
		"a\r\nb\rc\n":            "a\nb\nc",
		"\ufeff規程\r\n\r\n\r\n本文": "規程\n\n\n本文",
		"  字下げ\n\x0c次":           "  字下げ\n\x0c次",
	} {
		_, pages, err := read(t, write(t, "a.txt", []byte(in)))
		if err != nil || len(pages) != 1 || pages[0].Text != want {
			t.Errorf("%v: %v %v, want %v", in, pages, err, want)
		}
	}
	_, pages, err := read(t, write(t, "A.LOG", encode(t, encodings[0].enc, prose)))
	if err != nil || pages[0].Text != strings.TrimSpace(prose) {
		t.Errorf("shift_jis file: %v %v", pages, err)
	}
}

func TestReadHTMLTraps(t *testing.T) {
	for in, want := range map[string]string{
		"<p>a<p>b":                                 "a\n\nb",
		"<title>T</title><p>x y\n z</p>":           "T\n\nx y z",
		"<p>日本\n語 ABC\n日本</p>":                     "日本語 ABC 日本",
		"<ol start=3><li>x<li><p>y</p></ol>":       "3. x\n4. y",
		"<table><tr><td>a<td>b</table>":            "a | b",
		"<table><tr><td><h1>L</h1><td>b</table>":   "L\n\nb",
		"<table><tr><th>K<th>V</table>":            "K | V",
		"<table><tr><td colspan=9999999>a</table>": "a",
		"<p style='Display : none'>x</p><p>y</p>":  "y",
		"&lt;b&gt;&nbsp;&#12354;<!-- c -->":        "<b>\u00a0あ",
		"<p>a<br><br>b</p>":                        "a\n\nb",
		"<header>社名</header><aside>広告</aside><main><p>本文</p><footer>署名</footer></main><footer>住所</footer>": "本文\n\n署名\n\n社名\n\n広告\n\n住所",
		"<header><h1>表題</h1></header><p>本文</p>":                                                                             "表題\n\n本文",
		"<ul><li><a href=a>甲</a><li><a href=b>乙</a><li><a href=c>丙</a><li><a href=d>丁</a></ul><p>本文</p>":                    "- 甲\n- 乙\n- 丙\n- 丁\n\n本文",
		"<div><a href=a>甲</a> <a href=b>乙</a> <a href=c>丙</a> <a href=d>丁</a></div><p>" + strings.Repeat("本", 200) + "</p>": strings.Repeat("本", 200) + "\n\n甲 乙 丙 丁",
		"x<script>alert('<p>')</script><noscript>n":                                                                         "x",
	} {
		_, pages, err := read(t, write(t, "a.html", []byte(in)))
		if err != nil || pages[0].Text != want {
			t.Errorf("%s: %v %v, want %q", in, pages, err, want)
		}
	}
	_, _, err := read(t, write(t, "deep.html", []byte(strings.Repeat("<div>", 100_000)+"x")))
	if !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("100,000 levels: %v", err)
	}
}

func TestReadMarkdownTraps(t *testing.T) {
	for in, want := range map[string]string{
		"---\ntitle: \"T\"\n---\nx": "T\n\nx",
		"---\n\nx\n\n---\n":         "x",
		"**太字**と`code *x*` [リンク](http://a/b) ![図](p.png)": "太字とcode *x* リンク 図",
		"a\\*b &amp; &#12354;":                   "a*b & あ",
		"> quote\n> two\n\n- [x] done\n- [ ] no": "quote\ntwo\n\n- [x] done\n- [ ] no",
		"| a | b |\n|---|---|\n| 1 |  |":         "a: 1",
		"<div>in <b>html</b></div>\n\ntext":      "in html\n\ntext",
		"本文[^1]。\n\n[^1]: 注。":                    "本文。\n\n注。",
	} {
		_, pages, err := read(t, write(t, "a.md", []byte(in)))
		if err != nil || pages[0].Text != want {
			t.Errorf("%s: %v %v, want %q", in, pages, err, want)
		}
	}
}

func TestReadRefusals(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "pipe.txt")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop.txt")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge.txt") // 2 GB without using the disk
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 2<<30); err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 5000)
	r := seeded(7)
	for i := range random {
		random[i] = byte(r.next(256))
	}
	for _, c := range []struct {
		path string
		is   error
		key  string
	}{
		{filepath.Join(dir, "none.txt"), core.ErrNotFound, "missing"},
		{filepath.Join(huge, "x.txt"), core.ErrNotFound, "missing"},
		{loop, core.ErrNotFound, "loop"},
		{dir, core.ErrUnsupported, "folder"},
		{fifo, core.ErrUnsupported, "special"},
		{"/dev/zero", core.ErrUnsupported, "special"},
		{write(t, "a.xyz", []byte("x")), core.ErrUnsupported, "kind"},
		{huge, core.ErrTooLarge, "large"},
		{write(t, "e.txt", nil), core.ErrEmpty, "empty"},
		{write(t, "e.pdf", nil), core.ErrEmpty, "empty"},
		{write(t, "blank.txt", []byte(" \r\n\t\n")), core.ErrEmpty, "empty"},
		{write(t, "blank.html", []byte("<html><script>x</script></html>")), core.ErrEmpty, "empty"},
		{write(t, "random.txt", random), core.ErrUnsupported, "not_text"},
		{write(t, "random.html", random), core.ErrUnsupported, "not_text"},
		{write(t, "random.pdf", random), core.ErrCorrupt, "broken"},
		{write(t, "random.docx", random), core.ErrCorrupt, "broken"},
		{"testdata/password.pdf", core.ErrEncrypted, "encrypted"},
		{"testdata/scan.pdf", core.ErrEmpty, "scan"},
	} {
		_, pages, err := read(t, c.path)
		var user *core.UserError
		if !errors.Is(err, c.is) || !errors.As(err, &user) || user.Key != "error.file."+c.key || pages != nil {
			t.Errorf("%s: %v, want %v under error.file.%s", c.path, err, c.is, c.key)
		}
	}
}

func seeded(seed uint64) *random { r := random(seed); return &r }

func TestReadLimit(t *testing.T) {
	path := write(t, "a.txt", []byte(strings.Repeat("x", 101)))
	opt := options(t)
	opt.MaxBytes = 100
	if _, _, err := ingest.Read(context.Background(), path, opt); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("101 bytes of 100: %v", err)
	}
	opt.MaxBytes = 101
	if _, pages, err := ingest.Read(context.Background(), path, opt); err != nil || len(pages[0].Text) != 101 {
		t.Errorf("101 bytes of 101: %v", err)
	}
}

func TestReadCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, f := range fixtures {
		if _, _, err := ingest.Read(ctx, filepath.Join("testdata", f.file), options(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", f.file, err)
		}
	}
}

func TestReadTimeLimit(t *testing.T) {
	opt := options(t)
	opt.Timeout = time.Nanosecond
	for _, f := range fixtures {
		_, pages, err := ingest.Read(context.Background(), filepath.Join("testdata", f.file), opt)
		var user *core.UserError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &user) || user.Key != "error.file.slow" || pages != nil {
			t.Errorf("%s: %v", f.file, err)
		}
	}
}

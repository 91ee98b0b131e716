package index_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// A test that needs another process runs this test binary again with childKey naming the child's part.
const (
	childKey = "KAKOI_INDEX_CHILD"
	dirKey   = "KAKOI_INDEX_DIR"
	graphKey = "KAKOI_INDEX_GRAPH" // set: the child searches with a graph however small the library
)

func TestMain(m *testing.M) {
	if os.Getenv(graphKey) != "" {
		index.GraphFrom(1)
	}
	switch os.Getenv(childKey) {
	case "":
		os.Exit(m.Run())
	case "add":
		childAdds(os.Getenv(dirKey))
	case "fill":
		childFills(os.Getenv(dirKey))
	case "edit":
		childEdits(os.Getenv(dirKey))
	}
	os.Exit(0)
}

func child(part, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run", "^$")
	cmd.Env = append(os.Environ(), childKey+"="+part, dirKey+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// crashDocument is document i in version v: 5 to 60 chunks, half of them the same in every version.
func crashDocument(i, v int) (string, []string) {
	r := rand.New(rand.NewPCG(uint64(i), 9))
	texts := make([]string, 5+r.IntN(56))
	for c := range texts {
		texts[c] = fmt.Sprintf("文書%d 第%d条 %s", i, c, strings.Repeat("本文", r.IntN(40)))
		if c%2 == 1 {
			texts[c] += fmt.Sprintf(" 第%d版", v)
		}
	}
	return fmt.Sprintf("%03d.txt", i), texts
}

const crashDocuments = 25

// childAdds brings documents to their newest version again and again, and reports each step when it returned.
func childAdds(dir string) {
	ctx := context.Background()
	fail := func(err error) {
		fmt.Println("error", err)
		os.Exit(3)
	}
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		fail(err)
	}
	c, err := x.EnsureCollection(ctx, "既定")
	if err != nil {
		fail(err)
	}
	for {
		var round int
		if text, err := x.Record(ctx, "round", "n"); err == nil {
			fmt.Sscan(string(text), &round)
		} else if !errors.Is(err, core.ErrNotFound) {
			fail(err)
		}
		for i := range crashDocuments {
			name, texts := crashDocument(i, round)
			doc, pages, chunks := file(name, texts...)
			if old, err := x.Document(ctx, c.ID, doc.ID); err == nil && old.State == core.DocumentReady && old.SHA256 == doc.SHA256 {
				fmt.Println("kept", i, round) // the process before may have died between Commit and its report
				continue
			} else if err == nil && i%7 == 6 {
				if err := x.Remove(ctx, c.ID, doc.ID); err != nil {
					fail(err)
				}
				fmt.Println("removed", i)
			}
			d, err := x.Begin(ctx, c.ID, doc, pages, chunks, embedder)
			if err != nil {
				fail(err)
			}
			missing := d.Missing()
			for len(missing) > 0 {
				n := min(8, len(missing))
				var vecs []core.Vector
				for _, o := range missing[:n] {
					vecs = append(vecs, embed(texts[o]))
				}
				if err := d.PutVectors(ctx, missing[:n], vecs); err != nil {
					fail(err)
				}
				missing = missing[n:]
				fmt.Println("vectors", i, round, len(missing))
			}
			if _, err := d.Commit(ctx); err != nil {
				fail(err)
			}
			fmt.Println("committed", i, round)
			if os.Getenv(graphKey) != "" { // so that there is a graph to be killed
				if _, err := x.Search(ctx, c.ID, index.Query{Vector: embed(texts[0]), Embedder: embedder.ID, K: 3}); err != nil {
					fail(err)
				}
			}
		}
		if err := x.PutRecord(ctx, "round", "n", fmt.Append(nil, round+1)); err != nil {
			fail(err)
		}
	}
}

// TestKill kills an adding process at 20 random moments: what was reported is there, once, and the library is sound.
func TestKill(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "library")
	r := rand.New(rand.NewPCG(5, uint64(time.Now().UnixNano())))
	committed := map[int]int{}  // document -> newest version reported
	pending := map[int][2]int{} // document -> version and vectors missing, reported of an unfinished draft
	total := 0
	for kill := range 20 {
		cmd := child("add", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(20+r.IntN(600))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var i, v, n int
			switch f := strings.Fields(lines.Text()); f[0] {
			case "committed", "kept":
				fmt.Sscan(strings.Join(f[1:], " "), &i, &v)
				committed[i] = v
				delete(pending, i)
				if f[0] == "committed" {
					total++
				}
			case "removed":
				fmt.Sscan(f[1], &i)
				delete(committed, i)
			case "vectors":
				fmt.Sscan(strings.Join(f[1:], " "), &i, &v, &n)
				pending[i] = [2]int{v, n}
			default:
				t.Fatalf("child: %s", lines.Text())
			}
		}
		timer.Stop()
		_ = cmd.Wait()

		x, err := index.Open(dir, index.Options{})
		if err != nil {
			t.Fatalf("open after kill %d: %v", kill, err)
		}
		c, err := x.EnsureCollection(ctx, "既定")
		if err != nil {
			t.Fatal(err)
		}
		docs, err := x.Documents(ctx, c.ID)
		if err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		seen := map[string]bool{}
		for _, d := range docs {
			if seen[d.Name] {
				t.Fatalf("kill %d: %s is there twice", kill, d.Name)
			}
			seen[d.Name] = true
		}
		for i, v := range committed {
			name, texts := crashDocument(i, v)
			doc, _, chunks := file(name, texts...)
			got, err := x.Chunks(ctx, c.ID, doc.ID)
			if err != nil && !(i%7 == 6 && errors.Is(err, core.ErrNotFound)) {
				t.Fatalf("kill %d: %s: %v", kill, name, err)
			}
			if !reflect.DeepEqual(got, chunks) { // the next version may be in, unreported; the removal for it too
				_, texts = crashDocument(i, v+1)
				if _, _, chunks = file(name, texts...); !reflect.DeepEqual(got, chunks) && !(i%7 == 6 && len(got) == 0) {
					t.Fatalf("kill %d: %s is neither version %d nor %d", kill, name, v, v+1)
				}
			}
		}
		for i, p := range pending { // reported vectors of an unfinished draft are not asked for again
			name, texts := crashDocument(i, p[0])
			doc, pages, chunks := file(name, texts...)
			d, err := x.Begin(ctx, c.ID, doc, pages, chunks, embedder)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(d.Missing()); n > p[1] {
				t.Fatalf("kill %d: %s misses %d vectors, reported were all but %d", kill, name, n, p[1])
			}
		}
		clear(pending)
		indextest.Close(t, x)
	}
	if total < 20 {
		t.Fatalf("only %d commits happened: the kills prove nothing", total)
	}
	t.Logf("%d commits over 20 kills", total)
}

// contains says in which files of a folder the bytes are.
func contains(t *testing.T, dir string, needle []byte) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, needle) {
			files = append(files, d.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRemovalErases: neither text nor vector of a removed document, nor of an edited passage, is in any file. The text is one
// that Snappy stores as it is, which the look before the removal proves, in the write-ahead file and in tables.
func TestRemovalErases(t *testing.T) {
	ctx := context.Background()
	for _, reopen := range []bool{false, true} {
		dir := t.TempDir()
		x, err := index.Open(dir, index.Options{})
		if err != nil {
			t.Fatal(err)
		}
		coll := collection(t, x)
		for i := range 30 {
			name, texts := crashDocument(i, 0)
			add(t, x, coll, name, texts...)
		}
		secret, edited := "秘密の暗号は鰯鯖鮪鰹鯛鱧鮎鯉です。", "削られる段落は梟鷹鷲鴉鶴鷺鴨雁です。"
		halves := index.Halves(embed(secret))
		doc, _ := add(t, x, coll, "秘密.txt", "表紙", secret, edited)
		if reopen {
			indextest.Close(t, x)
			if x, err = index.Open(dir, index.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		search(t, x, coll, index.Query{Text: "鰯鯖", Vector: embed(secret)})
		for what, needle := range map[string][]byte{"text": []byte("鰯鯖鮪鰹鯛鱧鮎鯉"), "vector": halves, "edited": []byte("梟鷹鷲鴉鶴鷺鴨雁")} {
			if len(contains(t, dir, needle)) == 0 {
				t.Fatalf("%s is not to be seen even before the removal (reopen %v)", what, reopen)
			}
		}
		add(t, x, coll, "秘密.txt", "表紙", secret)
		if at := contains(t, dir, []byte("梟鷹鷲鴉鶴鷺鴨雁")); len(at) > 0 {
			t.Fatalf("the edited passage is still in %v", at)
		}
		if err := x.Remove(ctx, coll, doc.ID); err != nil {
			t.Fatal(err)
		}
		for what, needle := range map[string][]byte{
			"text": []byte("鰯鯖鮪鰹鯛鱧鮎鯉"), "vector": halves, "part of the vector": halves[:16], "name": []byte("秘密.txt"),
		} {
			if at := contains(t, dir, needle); len(at) > 0 {
				t.Errorf("%s is still in %v (reopen %v)", what, at, reopen)
			}
		}
		indextest.Close(t, x)
	}
}

// TestFlippedBytes: whatever byte of a table is flipped, reading gives the right text or an error, and Verify tells.
func TestFlippedBytes(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	for i := range crashDocuments {
		name, texts := crashDocument(i, 0)
		add(t, x, coll, name, texts...)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal("no tables", err)
	}
	r := rand.New(rand.NewPCG(6, 6))
	told := 0
	const flips = 25
	for range flips {
		path := tables[r.IntN(len(tables))]
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := r.IntN(len(data))
		flip := func() {
			data[at] ^= 0x10
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		flip()
		if checkDamaged(t, ctx, dir, coll) {
			told++
		}
		flip()
	}
	if told < flips*9/10 { // padding and bloom filters may be flipped without harm
		t.Errorf("%d of %d flips were told", told, flips)
	}
	x = indextest.Open(t, dir) // sound again
	if docs, err := x.Documents(ctx, coll); err != nil || len(docs) != crashDocuments {
		t.Fatal(len(docs), err)
	}
}

// checkDamaged says whether Open, Verify or a search told of damage; wrong content fails the test.
func checkDamaged(t *testing.T, ctx context.Context, dir, coll string) (told bool) {
	t.Helper()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		if !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("open: %v", err)
		}
		return true
	}
	defer x.Close()
	for i := range crashDocuments {
		name, texts := crashDocument(i, 0)
		doc, pages, chunks := file(name, texts...)
		// Badger leaves out what it cannot read, so a head of a damaged block may also be missing.
		if got, err := x.Chunks(ctx, coll, doc.ID); err == nil && !reflect.DeepEqual(got, chunks) {
			t.Errorf("wrong chunks of %s", name)
		} else if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrNotFound) {
			t.Errorf("chunks of %s: %v", name, err)
		}
		if got, err := x.Pages(ctx, coll, doc.ID); err == nil && !reflect.DeepEqual(got, pages) {
			t.Errorf("wrong pages of %s", name)
		} else if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrNotFound) {
			t.Errorf("pages of %s: %v", name, err)
		}
		found, err := x.Search(ctx, coll, index.Query{Text: texts[0], Vector: embed(texts[0]), Embedder: embedder.ID, K: 1})
		if err != nil {
			told = true
			if !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("search: %v", err)
			}
		} else if len(found.Dense) != 1 || found.Dense[0].Chunk != chunks[0] || found.Dense[0].Dense < 0.999 || len(found.Lexical) != 1 {
			t.Errorf("wrong hit for %s: %+v", name, found.Dense)
		}
	}
	if _, err := x.Documents(ctx, coll); err != nil {
		told = true
		if !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("documents: %v", err)
		}
	}
	problems, err := x.Verify(ctx, nil)
	if err != nil {
		t.Errorf("verify: %v", err)
	}
	return told || len(problems) > 0
}

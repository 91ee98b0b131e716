package app_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
)

// rename moves a file or a folder.
func (b *bench) rename(from, to string) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		b.Fatal(err)
	}
}

// long is a text of many chunks; its parts are numbered.
func long(parts int) string {
	var s strings.Builder
	for i := range parts {
		fmt.Fprintf(&s, "第%d条　%s\n\n", i, strings.Repeat(fmt.Sprintf("部署%dの担当者は期日までに申請を行います。", i), 12))
	}
	return s.String()
}

// names are the paths below a folder of the documents of a collection.
func (b *bench) names(dir, collection string) string {
	b.Helper()
	docs, err := b.library.List(b.Context(), collection)
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, d := range docs {
		out = append(out, strings.TrimPrefix(d.Source, dir+"/"))
	}
	return strings.Join(out, " ")
}

// TestMovedFilesAreNotEmbeddedAgain: each way in which a file gets another path, by the number of chunks that the embedder saw.
func TestMovedFilesAreNotEmbeddedAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		move func(b *bench, dir string)
		want string
	}{
		{"renamed", func(b *bench, dir string) { b.rename(dir+"/a.txt", dir+"/b.txt") }, "b.txt deep/c.txt"},
		{"into a folder", func(b *bench, dir string) { b.rename(dir+"/a.txt", dir+"/新規/a.txt") }, "新規/a.txt deep/c.txt"},
		{"its folder renamed", func(b *bench, dir string) { b.rename(dir+"/deep", dir+"/深い") }, "a.txt 深い/c.txt"},
		{"its case changed", func(b *bench, dir string) { b.rename(dir+"/a.txt", dir+"/A.TXT") }, "A.TXT deep/c.txt"},
		{"to a name in NFD", func(b *bench, dir string) { b.rename(dir+"/a.txt", dir+"/カ\u3099イト\u3099.txt") }, "deep/c.txt カ\u3099イト\u3099.txt"},
		{"two change places", func(b *bench, dir string) {
			b.rename(dir+"/a.txt", dir+"/x.txt")
			b.rename(dir+"/deep/c.txt", dir+"/a.txt")
			b.rename(dir+"/x.txt", dir+"/deep/c.txt")
		}, "a.txt deep/c.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t, nil)
			f := b.folders()
			dir := filepath.Join(b.dir, "docs")
			if err := os.MkdirAll(dir+"/deep", 0o700); err != nil {
				t.Fatal(err)
			}
			b.write(dir+"/a.txt", long(20))
			b.write(dir+"/deep/c.txt", long(30)+"末尾")
			one := b.link(f, app.Folder{Path: dir, Collection: "c"})
			b.check(f, one.ID, false)
			before := b.client.Embedded()
			c.move(b, dir)
			got := b.check(f, one.ID, false)
			if n := b.client.Embedded() - before; n != 0 || got.Add.Embedded != 0 {
				t.Errorf("%d chunks were embedded again, told are %d", n, got.Add.Embedded)
			}
			if names := b.names(dir, "c"); names != c.want {
				t.Errorf("documents are %s, want %s", names, c.want)
			}
			if len(got.Gone) != 0 || got.Removed != 0 {
				t.Errorf("gone are %d, removed %d", len(got.Gone), got.Removed)
			}
			if strings.Contains(c.want, "\u3099") {
				if _, d, err := b.library.Find(t.Context(), "c", "ガイド.txt"); err != nil || !strings.HasSuffix(d.Source, "カ\u3099イト\u3099.txt") {
					t.Errorf("found %q, %v", d.Source, err)
				}
			}
			found, err := b.library.Search(t.Context(), "c", "部署7の担当者", 40)
			if err != nil || len(found) == 0 {
				t.Fatalf("found %d, %v", len(found), err)
			}
			if again := b.check(f, one.ID, false); again.New+again.Changed+again.Moved != 0 {
				t.Errorf("looked at again: %+v", again)
			}
		})
	}
}

// TestMoveBetweenLinkedFolders: also when what is gone is removed by itself, and the old place is looked at first.
func TestMoveBetweenLinkedFolders(t *testing.T) {
	for _, remove := range []bool{false, true} {
		for _, oldFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("remove %v, old place first %v", remove, oldFirst), func(t *testing.T) {
				b := open(t, nil)
				f := b.folders()
				dirs := []string{b.dir + "/a", b.dir + "/b"}
				var ids []string
				for i, dir := range dirs {
					if err := os.Mkdir(dir, 0o700); err != nil {
						t.Fatal(err)
					}
					b.write(dir+"/stays.txt", fmt.Sprint("It stays in ", i))
					if i == 0 {
						b.write(dir+"/goes.txt", long(20))
					}
					one := b.link(f, app.Folder{Path: dir, Collection: string(rune('x' + i)), Remove: remove})
					b.check(f, one.ID, false)
					ids = append(ids, one.ID)
				}
				before := b.client.Embedded()
				b.rename(dirs[0]+"/goes.txt", dirs[1]+"/went.txt")
				if oldFirst {
					b.check(f, ids[0], false)
					b.check(f, ids[1], false)
				} else {
					b.check(f, ids[1], false)
					b.check(f, ids[0], false)
				}
				if n := b.client.Embedded() - before; n != 0 {
					t.Errorf("%d chunks were embedded again", n)
				}
				if old, now := b.names(dirs[0], "x"), b.names(dirs[1], "y"); old != "stays.txt" || now != "stays.txt went.txt" {
					t.Errorf("documents are %q and %q", old, now)
				}
			})
		}
	}
}

// TestCopyThatWasThereIsNoMove: of two equal files one is deleted; its document stays until it is removed by name.
func TestCopyThatWasThereIsNoMove(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := filepath.Join(b.dir, "docs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(dir+"/a.txt", long(5))
	b.write(dir+"/b.txt", long(5))
	one := b.link(f, app.Folder{Path: dir, Collection: "c"})
	b.check(f, one.ID, false)
	if err := os.Remove(dir + "/a.txt"); err != nil {
		t.Fatal(err)
	}
	if c := b.check(f, one.ID, false); c.Moved != 0 || len(c.Gone) != 1 {
		t.Errorf("moved %d, gone %d", c.Moved, len(c.Gone))
	}
	if names := b.names(dir, "c"); names != "a.txt b.txt" {
		t.Errorf("documents are %s", names)
	}
}

// TestEditedFileEmbedsWhatChanged: in place, saved by an editor through another file, and moved at the same time.
func TestEditedFileEmbedsWhatChanged(t *testing.T) {
	for _, move := range []string{"", "renamed over it", "into another folder"} {
		t.Run(move, func(t *testing.T) {
			b := open(t, nil)
			f := b.folders()
			dir := filepath.Join(b.dir, "docs")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := dir + "/a.txt"
			b.write(path, long(40))
			one := b.link(f, app.Folder{Path: dir, Collection: "c"})
			all := b.check(f, one.ID, false).Add.Chunks
			before := b.client.Embedded()
			edited := strings.Replace(long(40), "部署20の担当者は期日までに申請", "部署20の責任者は期日までに申請", 1)
			switch move {
			case "":
				b.write(path, edited)
			case "renamed over it":
				b.write(dir+"/.a.txt.swp", edited)
				b.rename(dir+"/.a.txt.swp", path)
			default:
				b.rename(path, dir+"/deep/a.txt")
				b.write(dir+"/deep/a.txt", edited)
			}
			got := b.check(f, one.ID, false)
			n := b.client.Embedded() - before
			if n < 1 || n > 3 || got.Add.Embedded != n || got.Add.Chunks != all {
				t.Errorf("embedded %d of %d chunks, told are %d of %d", n, all, got.Add.Embedded, got.Add.Chunks)
			}
		})
	}
}

// TestManyFilesMoved: the folder of a department is renamed.
func TestManyFilesMoved(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := filepath.Join(b.dir, "docs")
	const n = 1200
	if err := os.MkdirAll(dir+"/old", 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b.write(fmt.Sprintf("%s/old/%04d.txt", dir, i), fmt.Sprintf("文書%dの本文です。", i))
	}
	one := b.link(f, app.Folder{Path: dir, Collection: "c", Remove: true})
	b.check(f, one.ID, false)
	before := b.client.Embedded()
	b.rename(dir+"/old", dir+"/new")
	got := b.check(f, one.ID, false)
	if got.Moved != n || got.Add.Added != n || len(got.Gone) != 0 || b.client.Embedded() != before {
		t.Errorf("moved %d, added %d, gone %d, embedded %d", got.Moved, got.Add.Added, len(got.Gone), b.client.Embedded()-before)
	}
	docs, err := b.library.List(t.Context(), "c")
	if err != nil || len(docs) != n || !strings.HasPrefix(docs[0].Source, dir+"/new/") {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

// TestWatchWaitsForWholeFiles: a file that is being copied is not read in halves, and one that never comes to rest holds up no other.
func TestWatchWaitsForWholeFiles(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	f.Settle = 300 * time.Millisecond
	dir := b.files(1, 1)
	b.watch(f)
	b.link(f, app.Folder{Path: dir, Watch: true})
	b.arrived("", 1)
	before := b.client.Embedded()
	out, err := os.Create(filepath.Join(dir, "zz copied.txt"))
	if err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "zz whole.txt"), "It is whole.")
	text := long(40)
	for i := 0; i < len(text); i += 3000 {
		if _, err := out.WriteString(text[i:min(len(text), i+3000)]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	docs, err := b.library.List(t.Context(), "")
	if err != nil || len(docs) != 2 {
		t.Errorf("while it is copied: %d documents, %v", len(docs), err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	b.arrived("", 3)
	_, doc, err := b.library.Find(t.Context(), "", "zz copied.txt")
	if err != nil {
		t.Fatal(err)
	}
	if n := b.client.Embedded() - before; n != doc.Chunks+1 {
		t.Errorf("%d chunks were embedded for %d and one more", n, doc.Chunks)
	}
}

// TestMovedScanKeepsItsText: pages that were read from pictures are not read again when their file gets another name.
func TestMovedScanKeepsItsText(t *testing.T) {
	b, dir := scans(t, reads)
	if _, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained); err != nil {
		t.Fatal(err)
	}
	f := b.folders()
	one := b.link(f, app.Folder{Path: dir, Collection: "main"})
	b.check(f, one.ID, false)
	want, before := b.pagesOf("scan.pdf"), b.client.Embedded()
	b.rename(dir+"/scan.pdf", dir+"/認識/元帳.pdf")
	c := b.check(f, one.ID, false)
	if got := b.pagesOf("元帳.pdf"); !slices.Equal(got, want) || b.client.Embedded() != before || c.Moved != 1 {
		t.Errorf("pages are %q, not %q; %d chunks embedded; %+v", got, want, b.client.Embedded()-before, c)
	}
}

// TestAddIsFrugal: less garbage may gather while documents are added, and as much as before afterwards.
func TestAddIsFrugal(t *testing.T) {
	b := open(t, nil)
	percent := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
		metrics.Read(s)
		if s[1].Value.Uint64() == math.MaxInt64 {
			return s[0].Value.Uint64()
		}
		return 1000 + s[0].Value.Uint64()
	}
	before, during := percent(), uint64(0)
	b.client.Before = func([]string) error {
		during = percent()
		return nil
	}
	if _, err := b.add(b.files(1, 1)); err != nil {
		t.Fatal(err)
	}
	if during != 1040 || percent() != before {
		t.Errorf("garbage was %d, then %d, then %d", before, during, percent())
	}
}

package index_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
	"kakoi/index/store"
)

// TestFullDisk: with the free space as the store sees it under the test's control, every kind of write is refused at any
// moment, and what was reported before is there.
func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	var calls, full atomic.Int64
	full.Store(1 << 40)
	opt := index.Options{Store: store.Options{Free: func(string) (int64, error) {
		if calls.Add(1) > full.Load() {
			return 50 << 20, nil // Open still may, nothing else
		}
		return 1 << 40, nil
	}}}
	x, err := index.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	for i := range crashDocuments {
		name, texts := crashDocument(i, 0)
		add(t, x, coll, name, texts...)
	}
	for n := range 8 { // the disk is full after n more writes
		for i := range 4 {
			full.Store(calls.Load() + int64(n))
			name, texts := crashDocument(i, n+1)
			doc, pages, chunks := file(name, texts...)
			err := func() error {
				if i == 3 {
					return x.Remove(ctx, coll, doc.ID)
				}
				d, err := x.Begin(ctx, coll, doc, pages, chunks, embedder)
				if err != nil {
					return err
				}
				for _, o := range d.Missing() {
					if err := d.PutVectors(ctx, []int{o}, []core.Vector{embed(texts[o])}); err != nil {
						return err
					}
				}
				_, err = d.Commit(ctx)
				return err
			}()
			if err == nil && n == 0 || err != nil && !errors.Is(err, core.ErrNoSpace) {
				t.Fatalf("disk full after %d writes, document %d: %v", n, i, err)
			}
			r, err := x.Search(ctx, coll, index.Query{Text: "文書9", K: 3}) // reading goes on
			if err != nil || len(r.Lexical) == 0 {
				t.Fatalf("search on a full disk: %v", err)
			}
			if i == 3 { // bring it back for the next round
				full.Store(1 << 40)
				add(t, x, coll, name, texts...)
			}
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = indextest.Open(t, dir)
	for i := range crashDocuments {
		name, texts := crashDocument(i, 99)
		if _, n := add(t, x, coll, name, texts...); n == 0 || n == len(texts) {
			t.Fatalf("%s: %d of %d chunks embedded after the disk was full", name, n, len(texts))
		}
	}
}

// childFills adds until the file system has no room, reporting every commit.
func childFills(dir string) {
	ctx := context.Background()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	c, err := x.EnsureCollection(ctx, "既定")
	var docs []core.Document
	if err == nil {
		docs, err = x.Documents(ctx, c.ID)
	}
	ready := 0
	for _, d := range docs {
		if d.State == core.DocumentReady {
			ready++
		}
	}
	problems, verifyErr := x.Verify(ctx, nil)
	fmt.Println("found", ready, len(problems), verifyErr)
	for i := len(docs); err == nil; i++ {
		name, texts := crashDocument(i, 0)
		for n := range texts {
			texts[n] += strings.Repeat(fmt.Sprintf("%x", 7919*i+n), 200)
		}
		doc, pages, chunks := file(name, texts...)
		var d *index.Draft
		if d, err = x.Begin(ctx, c.ID, doc, pages, chunks, embedder); err != nil {
			break
		}
		var vecs []core.Vector
		for _, o := range d.Missing() {
			vecs = append(vecs, embed(texts[o]))
		}
		if err = d.PutVectors(ctx, d.Missing(), vecs); err != nil {
			break
		}
		if _, err = d.Commit(ctx); err == nil {
			fmt.Println("committed", i)
		}
	}
	fmt.Println("stopped", errors.Is(err, core.ErrNoSpace), err)
	_ = x.Close()
}

// TestFullFileSystem fills a real one of 300 MB, mounted in the child's own name space; where the kernel does not let an
// ordinary user mount, TestFullDisk stands alone, and this test says so.
func TestFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	shell := fmt.Sprintf(`mount -t tmpfs -o size=300m none %[1]q && echo mounted && %[2]q -test.run '^$' && echo again && %[2]q -test.run '^$' && ls %[1]q/library`, dir, os.Args[0])
	cmd := child("fill", filepath.Join(dir, "library"))
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", shell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	if !lines.Scan() || lines.Text() != "mounted" {
		t.Logf("no mount here (%v): the free space was only simulated", err)
		return
	}
	commits, stops := 0, 0
	for lines.Scan() {
		switch {
		case strings.HasPrefix(lines.Text(), "found"):
			if want := fmt.Sprintf("found %d 0 <nil>", commits); lines.Text() != want {
				t.Errorf("child: %s, not %s", lines.Text(), want)
			}
		case strings.HasPrefix(lines.Text(), "committed"):
			commits++
		case strings.HasPrefix(lines.Text(), "stopped true"):
			stops++
		case strings.HasPrefix(lines.Text(), "stopped"), strings.HasPrefix(lines.Text(), "error"):
			t.Errorf("child: %s", lines.Text())
		}
	}
	if err != nil || stops != 2 || commits == 0 {
		t.Fatalf("%d commits, %d orderly stops, %v", commits, stops, err)
	}
	t.Logf("%d commits before the file system was full", commits)
}

//go:build linux && amd64

package index_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/index"
)

// childEdits adds, edits and removes, and says what was done when it returned.
func childEdits(dir string) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(3)
		}
	}
	for round := range 2 {
		x, err := index.Open(dir, index.Options{})
		must(err)
		c, err := x.EnsureCollection(ctx, "既定")
		must(err)
		for v := 2 * round; v < 2*round+2; v++ {
			for i := range 6 {
				name, texts := crashDocument(i, v)
				doc, pages, chunks := file(name, texts...)
				d, err := x.Begin(ctx, c.ID, doc, pages, chunks, embedder)
				must(err)
				var vectors []core.Vector
				for _, o := range d.Missing() {
					vectors = append(vectors, embed(texts[o]))
				}
				must(d.PutVectors(ctx, d.Missing(), vectors))
				_, err = d.Commit(ctx)
				must(err)
				fmt.Println("committed", i, v)
				if i == v {
					must(x.Remove(ctx, c.ID, doc.ID))
					fmt.Println("removed", i, v)
				}
				must(x.PutRecord(ctx, "note", fmt.Sprint(i), fmt.Append(nil, v)))
				fmt.Println("noted", i, v)
			}
		}
		must(x.Close())
		fmt.Println("closed", round, 0)
	}
}

// lossesKey names a larger number of losses, for a longer look.
const lossesKey = "KAKOI_TEST_LOSSES"

// Kinds of a power loss: what of that which no sync promised is there afterwards.
const (
	lossStrict  = iota // nothing, and names only where the folder was synced: POSIX
	lossOrdered        // no bytes, but names up to the last sync of anything: ext4, xfs, btrfs
	lossAll            // everything: a kill
	lossMixed          // pages at random, names up to some moment since the last sync
	lossKinds
)

// after writes a folder as a power loss just before events[at] leaves it.
func after(t *testing.T, events []event, at, kind int, r *rand.Rand, dir string) {
	t.Helper()
	synced := map[uint64]*image{}
	names, lastSync := map[string]uint64{}, 0
	last := map[uint64]*image{} // as seen last, of deleted files too
	for i, e := range events[:at] {
		for ino, img := range e.bytes {
			last[ino] = img
		}
		if e.synced != 0 {
			synced[e.synced] = e.bytes[e.synced]
		}
		if e.folder || kind != lossStrict && e.synced != 0 {
			names, lastSync = e.names, i
		}
	}
	switch kind {
	case lossAll:
		names = events[at].names
	case lossMixed:
		names = events[lastSync+r.IntN(at-lastSync+1)].names
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, ino := range names {
		now := events[at].bytes[ino]
		if now == nil {
			if now = last[ino]; now == nil {
				now = &image{}
			}
		}
		base := synced[ino]
		if base == nil {
			base = &image{}
		}
		img := *base
		switch kind {
		case lossAll:
			img = *now
		case lossMixed:
			img = mix(base, now, r)
		}
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, img.data, 0o600), os.Truncate(path, img.size)); err != nil {
			t.Fatal(err)
		}
	}
}

// mix takes each page from one of two images. A file that was cut is one or the other: file systems end a cut or never began it.
func mix(a, b *image, r *rand.Rand) image {
	const page = 4096
	if b.size < a.size {
		return *[]*image{a, b}[r.IntN(2)]
	}
	out := image{size: a.size}
	if r.IntN(2) == 0 {
		out.size = b.size
	}
	n := max(len(a.data), len(b.data))
	out.data = make([]byte, n)
	copy(out.data, a.data)
	for from := 0; from < n; from += page {
		if r.IntN(2) == 0 {
			clear(out.data[from:min(from+page, n)])
			if from < len(b.data) {
				copy(out.data[from:min(from+page, n)], b.data[from:])
			}
		}
	}
	if int64(len(out.data)) > out.size {
		out.data = out.data[:out.size]
	}
	return out
}

// TestPowerLoss stops a real process at each sync of its library, makes what a power loss would have left there and opens it: everything that
// was reported before is there.
func TestPowerLoss(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "library")
	events, err := trace(t, child("edit", dir), dir)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		t.Logf("no process can be traced here (%v): the order of writes is not tested", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	syncs, said := 0, 0
	for _, e := range events {
		if e.synced != 0 || e.folder {
			syncs++
		}
		if e.said != "" {
			said++
		}
	}
	if syncs < 100 || said < 50 {
		t.Fatalf("%d syncs, %d reports: the trace shows nothing", syncs, said)
	}
	r := rand.New(rand.NewPCG(9, 9))
	losses := 36
	if n, err := strconv.Atoi(os.Getenv(lossesKey)); err == nil {
		losses = n
	}
	salvaged := [lossKinds]int{}
	for n := range losses {
		at, kind := 1+r.IntN(len(events)-1), n%lossKinds
		into := filepath.Join(t.TempDir(), "lost")
		after(t, events, at, kind, r, into)
		what := fmt.Sprintf("loss of kind %d before event %d of %d", kind, at, len(events))
		x, err := index.Open(into, index.Options{})
		if errors.Is(err, core.ErrCorrupt) {
			salvaged[kind]++
			t.Log(what, err)
			if _, err = index.Salvage(t.Context(), into, into+".new", index.Options{}, nil); err == nil {
				x, err = index.Open(into+".new", index.Options{})
			}
			if err == nil { // of what is written anew an older version may have come back
				_, err = x.Mend(t.Context(), nil)
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		holds(t, x, events[:at], what)
		if err := x.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}
	t.Logf("%d events (%d syncs, %d reports), %d losses; not to be opened without a repair, by kind: %v", len(events), syncs, said, losses, salvaged)
}

// holds checks that a library has what was reported.
func holds(t *testing.T, x *index.Index, events []event, what string) {
	t.Helper()
	ctx := t.Context()
	committed, gone, noted := map[int]int{}, map[int]int{}, map[int]int{}
	for _, e := range events {
		var verb string
		var i, v int
		if n, _ := fmt.Sscan(e.said, &verb, &i, &v); n != 3 {
			continue
		}
		switch verb {
		case "committed":
			committed[i] = v
			delete(gone, i)
		case "removed":
			gone[i] = v
			delete(committed, i)
		case "noted":
			noted[i] = v
		}
	}
	c, err := x.EnsureCollection(ctx, "既定")
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	version := func(i, v int) bool {
		name, texts := crashDocument(i, v)
		doc, _, chunks := file(name, texts...)
		got, err := x.Chunks(ctx, c.ID, doc.ID)
		return err == nil && reflect.DeepEqual(got, chunks)
	}
	for i, v := range committed {
		name, _ := crashDocument(i, v)
		doc, _, _ := file(name, "")
		_, missing := x.Document(ctx, c.ID, doc.ID)
		if !version(i, v) && !version(i, v+1) && !(i == v && errors.Is(missing, core.ErrNotFound)) && !(i == v+1 && errors.Is(missing, core.ErrNotFound)) {
			t.Errorf("%s: document %d is not in version %d: %v", what, i, v, missing)
		}
	}
	for i, v := range gone {
		if !version(i, v+1) {
			name, _ := crashDocument(i, v)
			doc, _, _ := file(name, "")
			if d, err := x.Document(ctx, c.ID, doc.ID); err == nil && d.State == core.DocumentReady {
				t.Errorf("%s: document %d is back", what, i)
			}
		}
	}
	for i, v := range noted {
		got, err := x.Record(ctx, "note", fmt.Sprint(i))
		if err != nil || string(got) != fmt.Sprint(v) && string(got) != fmt.Sprint(v+1) {
			t.Errorf("%s: record %d is %q, not %d: %v", what, i, got, v, err)
		}
	}
	problems, err := x.Verify(ctx, nil)
	if err != nil {
		t.Errorf("%s: verify: %v", what, err)
	}
	for _, p := range problems {
		if !errors.Is(p.Err, core.ErrBusy) {
			t.Errorf("%s: %v", what, p)
		}
	}
}

package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
	"kakoi/index/store/storetest"
)

// repairLibrary is crashDocuments documents, edited once, and some records; it is closed.
func repairLibrary(t *testing.T, dir string) {
	t.Helper()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	for version := range 2 {
		for i := range crashDocuments {
			if version <= repairVersion(i) {
				name, texts := crashDocument(i, version)
				add(t, x, coll, name, texts...)
			}
		}
	}
	for i := range 40 {
		if err := x.PutRecord(t.Context(), "note", fmt.Sprint(i), bytes.Repeat(fmt.Append(nil, "note ", i, " "), 30)); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// repairVersion is the version in which a document of repairLibrary is: every third was edited.
func repairVersion(i int) int {
	if i%3 == 0 {
		return 1
	}
	return 0
}

// answers are the hits of a question about each document.
func answers(t *testing.T, x *index.Index) (all []index.Result) {
	t.Helper()
	coll := collection(t, x)
	for i := range crashDocuments {
		_, texts := crashDocument(i, 0)
		all = append(all, search(t, x, coll, index.Query{Text: texts[len(texts)-1], Vector: embed(texts[0]), K: 5}))
	}
	return all
}

// TestRepairOfFlippedBytes flips bytes in tables and in the list of them, as a bad disk does. Damage is found; what is written anew of the sound parts,
// mended, with the named documents read again, gives the answers of before. Documents of which not even the name is left are few, and counted.
func TestRepairOfFlippedBytes(t *testing.T) {
	sound := filepath.Join(t.TempDir(), "sound")
	repairLibrary(t, sound)
	dir := filepath.Join(t.TempDir(), "reference")
	storetest.Copy(t, sound, dir)
	x := indextest.Open(t, dir)
	want := answers(t, x)

	named, nameless, records, sick := 0, 0, 0, 0
	const rounds = 12
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 11))
		dir := filepath.Join(t.TempDir(), "library")
		storetest.Copy(t, sound, dir)
		flipTables(t, r, dir)
		found, err := index.Inspect(t.Context(), dir, index.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !found.Any() {
			t.Fatalf("seed %d: no damage found", seed)
		}
		into := dir + ".new"
		if _, err := index.Salvage(t.Context(), dir, into, index.Options{}, nil); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		x, err := index.Open(into, index.Options{})
		if err != nil {
			t.Fatalf("seed %d: open what was saved: %v", seed, err)
		}
		plan, err := x.Ailing(t.Context(), nil)
		if err != nil {
			t.Fatalf("seed %d: plan: %v", seed, err)
		}
		out, err := x.Mend(t.Context(), nil)
		if err != nil {
			t.Fatalf("seed %d: mend: %v", seed, err)
		}
		if !reflect.DeepEqual(plan.Harmed, out.Harmed) || len(plan.Adopted) != len(out.Adopted) || plan.Nameless != out.Nameless {
			t.Errorf("seed %d: planned %+v, done %+v", seed, plan, out)
		}
		coll := collection(t, x)
		again := map[string]bool{}
		for _, h := range out.Harmed {
			again[h.Document.Name] = true
		}
		docs, err := x.Documents(t.Context(), coll)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Harmed) > 0 {
			sick++
		}
		for i := range crashDocuments {
			name, texts := crashDocument(i, repairVersion(i))
			there := slices.ContainsFunc(docs, func(d core.Document) bool { return d.Name == name })
			switch {
			case again[name]:
				named++
			case !there:
				nameless++
			default:
				continue
			}
			add(t, x, coll, name, texts...)
		}
		if problems, err := x.Verify(t.Context(), nil); err != nil || len(problems) > 0 {
			t.Fatalf("seed %d: after the repair: %v, %v", seed, problems, err)
		}
		if got := answers(t, x); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d: other answers after the repair", seed)
		}
		for i := range 40 {
			value, err := x.Record(t.Context(), "note", fmt.Sprint(i))
			if err == nil && !bytes.Equal(value, bytes.Repeat(fmt.Append(nil, "note ", i, " "), 30)) || err != nil && !errors.Is(err, core.ErrNotFound) {
				t.Errorf("seed %d: record %d: %q, %v", seed, i, value, err)
			}
			if err != nil {
				records++
			}
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d rounds, %d with harmed documents: %d documents named and read again, %d without a name, %d records lost", rounds, sick, named, nameless, records)
	if named < rounds/2 || nameless*10 > named {
		t.Errorf("%d documents named, %d nameless", named, nameless)
	}
}

// TestFlippedList flips one bit of every byte of the list of tables: a library opens with all it has, or says that it is damaged, and then has all after
// the repair of its files. Nothing is deleted for being named no more.
func TestFlippedList(t *testing.T) {
	sound := filepath.Join(t.TempDir(), "sound")
	repairLibrary(t, sound)
	list, err := os.ReadFile(filepath.Join(sound, "MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if len(list) > 120 {
		step = len(list) / 120
	}
	refused := 0
	for n := 0; n < len(list); n++ {
		if n > 40 && n%step != 0 { // the first lines whole: their lengths count most
			continue
		}
		dir := filepath.Join(t.TempDir(), "library")
		storetest.Copy(t, sound, dir)
		bad := bytes.Clone(list)
		bad[n] ^= 1 << (n % 8)
		if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := index.Open(dir, index.Options{})
		if errors.Is(err, core.ErrCorrupt) {
			refused++
			if n%7 != 0 {
				continue
			}
			if _, err = index.Salvage(t.Context(), dir, dir+".new", index.Options{}, nil); err == nil {
				x, err = index.Open(dir+".new", index.Options{})
			}
		}
		if err != nil {
			t.Fatalf("byte %d: %v", n, err)
		}
		if docs, err := x.Documents(t.Context(), collection(t, x)); err != nil || len(docs) != crashDocuments {
			t.Errorf("byte %d: %d documents, %v", n, len(docs), err)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
	if refused == 0 {
		t.Error("no flip was told")
	}
}

// TestExportOfADamagedLibrary: there is no backup with less in it than the library had.
func TestExportOfADamagedLibrary(t *testing.T) {
	sound := filepath.Join(t.TempDir(), "sound")
	repairLibrary(t, sound)
	told := 0
	for seed := range uint64(12) {
		dir := filepath.Join(t.TempDir(), "library")
		storetest.Copy(t, sound, dir)
		flipTables(t, rand.New(rand.NewPCG(seed, 31)), dir)
		x, err := index.Open(dir, index.Options{})
		if err != nil {
			continue // told
		}
		found, err := index.NewImporter(dir+".copy", index.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := &sink{to: found}
		err = x.Export(t.Context(), s, nil)
		if errors.Is(err, core.ErrCorrupt) {
			told++
		} else if err != nil {
			t.Fatal(err)
		} else {
			t.Errorf("seed %d: a backup of a damaged library", seed)
		}
		if err := errors.Join(x.Close(), found.Close(t.Context(), false)); err != nil {
			t.Error(err)
		}
	}
	if told < 4 {
		t.Errorf("only %d of 12 were opened and told by the export", told)
	}
}

// flipTables changes bytes of one or two files that hold something.
func flipTables(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	if r.IntN(5) == 0 {
		tables = append(tables[:0], filepath.Join(dir, "MANIFEST"))
	}
	for range 1 + r.IntN(2) {
		path := tables[r.IntN(len(tables))]
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(3) {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sink writes what is exported into a new library, without documents that changed meanwhile.
type sink struct {
	to      *index.Importer
	some    [][2]string
	before  func(key string)
	changed int
}

func (s *sink) Put(key string, payload []byte) error {
	if s.before != nil {
		s.before(key)
	}
	s.some = append(s.some, [2]string{key, string(payload)})
	return nil
}

func (s *sink) EndDocument(_ core.Document, whole bool) error {
	if !whole {
		s.changed++
		for len(s.some) > 0 && s.some[len(s.some)-1][0][0] != 'c' { // records and collections stay
			s.some = s.some[:len(s.some)-1]
		}
	}
	return s.flush()
}

func (s *sink) flush() error {
	for _, p := range s.some {
		if err := s.to.Put(p[0], []byte(p[1])); err != nil {
			return err
		}
	}
	s.some = nil
	return nil
}

// TestExport: an imported library answers as the exported one did, which is edited, added to and searched meanwhile.
func TestExport(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "library")
	repairLibrary(t, dir)
	x := indextest.Open(t, dir)
	want := answers(t, x)
	coll := collection(t, x)
	doc, pages, chunks := file("draft.txt", "not committed")
	if _, err := x.Begin(ctx, coll, doc, pages, chunks, embedder); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "copy")
	importer, err := index.NewImporter(into, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const embedded = "of two passages"
	var edited core.Document
	n := 0
	s := &sink{to: importer, before: func(key string) {
		if key[0] != 'h' {
			return
		}
		if n++; n == 3 { // the third document is edited while it is read: it comes again
			k, err := x.Document(ctx, coll, strings.Split(key, "/")[2])
			if err != nil {
				t.Fatal(err)
			}
			add(t, x, coll, k.Name, "an edited text", embedded)
			add(t, x, coll, "new.txt", "added while it was exported")
			search(t, x, coll, index.Query{Text: "edited", K: 3})
			edited = k
		}
	}}
	if err := x.Export(ctx, s, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.flush(), importer.Close(ctx, true)); err != nil {
		t.Fatal(err)
	}
	y := indextest.Open(t, into)
	docs, err := y.Documents(ctx, collection(t, y))
	if err != nil || len(docs) != crashDocuments+1 { // with the one that waits for its first vectors
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	if s.changed != 1 {
		t.Errorf("%d documents were seen to change", s.changed)
	}
	if got, err := y.Chunks(ctx, collection(t, y), edited.ID); err != nil || len(got) != 2 || got[1].Text != embedded {
		t.Errorf("the edited document: %v, %v", got, err)
	}
	var number int
	if _, err := fmt.Sscanf(edited.Name, "%d.txt", &number); err != nil {
		t.Fatal(edited.Name, err)
	}
	name, texts := crashDocument(number, repairVersion(number))
	add(t, y, collection(t, y), name, texts...)
	if err := y.Remove(ctx, collection(t, y), doc.ID); err != nil {
		t.Fatal(err)
	}
	if got := answers(t, y); !reflect.DeepEqual(got, want) {
		t.Error("the copy answers differently")
	}
	if all, err := y.Records(ctx, "note"); err != nil || len(all) != 40 {
		t.Errorf("%d records, %v", len(all), err)
	}
	if err := importer.Put("w/a/b/00000001/", nil); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a key of unfinished work: %v", err)
	}
}

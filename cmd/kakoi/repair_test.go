package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
)

// flip changes bytes of the library's tables, or of the list of them.
func (w *world) flip(r *rand.Rand, n int) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.data, "library", "*.sst"))
	if err != nil || len(files) == 0 {
		w.t.Fatal(files, err)
	}
	if r.IntN(4) == 0 {
		files = append(files, filepath.Join(w.data, "library", "MANIFEST"))
	}
	for range n {
		path := files[r.IntN(len(files))]
		data, err := os.ReadFile(path)
		if err != nil {
			w.t.Fatal(err)
		}
		data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestRepair flips bytes of a library again and again: doctor and every other command end in order, the repair says what it does, asks, and gives
// the same answers and documents as before, read again from files or made of what is stored.
func TestRepair(t *testing.T) {
	w := newWorld(t)
	w.stock(9)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	want, docs := w.answers(9), w.documents()
	sick := 0
	for seed := range uint64(5) {
		w.flip(rand.New(rand.NewPCG(seed, 21)), 1+int(seed)%3)
		said := w.run("doctor", "--repair", "--dry-run")
		switch said.code {
		case 0: // where no byte counts
			if !strings.Contains(said.out, "nothing to repair") {
				t.Errorf("seed %d: said %q", seed, said.out)
			}
			continue
		case 1:
			sick++
		default:
			t.Fatalf("seed %d: exit code %d, %s%s", seed, said.code, said.out, said.err)
		}
		if !strings.Contains(said.out, "Nothing was changed") || !strings.Contains(said.out, "damaged in") {
			t.Errorf("seed %d: the plan says %q", seed, said.out)
		}
		w.want(2, "doctor", "--repair") // nobody to be asked
		for _, args := range [][]string{{"list"}, {"search", "lamp"}, {"status"}} {
			if r := w.run(args...); r.code != 0 && r.code != 1 || strings.Contains(r.err, "panic") || strings.Contains(r.err, "goroutine") {
				t.Errorf("seed %d: %v: exit code %d, %s", seed, args, r.code, r.err)
			}
		}
		if r := w.run("doctor", "--repair", "--yes"); r.code != 0 {
			t.Fatalf("seed %d: repair: exit code %d\n%s%s", seed, r.code, r.out, r.err)
		}
		if got := w.documents(); got != docs {
			t.Errorf("seed %d: documents are\n%s\nnot\n%s", seed, got, docs)
		}
		if got := w.answers(9); got != want {
			t.Errorf("seed %d: other answers", seed)
		}
		w.want(0, "doctor", "--repair", "--dry-run")
	}
	if sick < 3 {
		t.Errorf("only %d of 5 rounds damaged anything", sick)
	}
}

// TestRepairWithoutFiles: documents whose files are gone are made again of their stored pages; one whose pages are hit says so, by name, and the rest can be searched.
func TestRepairWithoutFiles(t *testing.T) { repairWithoutFiles(t, false) }

// TestRepairFromBackup: with a backup that was proved the same damage costs nothing.
func TestRepairFromBackup(t *testing.T) { repairWithoutFiles(t, true) }

func repairWithoutFiles(t *testing.T, backup bool) {
	w := newWorld(t)
	w.stock(6)
	want := w.answers(6) // without the large one
	needle := []byte("The rhinoceros of page two hundred.")
	big := ""
	for i := range 4000 { // its pages fill blocks of their own
		big += fmt.Sprintf("Line %d about %x and %x.\n", i, i*7919, i*104729)
	}
	w.file("big.txt", big+string(needle))
	w.want(0, "add", w.docs)
	docs := w.documents()
	if backup {
		w.want(0, "settings", "backup_folder", t.TempDir())
		w.want(0, "backup", "now")
	}
	if err := os.RemoveAll(w.docs); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.docs, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.data, "library", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	hit := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; ; hit++ { // wherever its last line lies in clear
			n := bytes.Index(data[at:], needle[:12])
			if n < 0 {
				break
			}
			at += n + 1
			data[at] ^= 0x20
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if hit == 0 {
		t.Fatal("the text lies nowhere in clear")
	}
	plan := w.want(1, "doctor", "--repair", "--dry-run").out
	if !strings.Contains(plan, "damaged in") {
		t.Errorf("plan: %s", plan)
	}
	r := w.run("doctor", "--repair", "--yes")
	if backup {
		if r.code != 0 || !strings.Contains(r.out, "big.txt: its file is gone and its text here is damaged; it is made again of the backup of") {
			t.Errorf("repair with a backup: exit code %d\n%s%s", r.code, r.out, r.err)
		}
		if got := w.documents(); got != docs {
			t.Errorf("documents are\n%s\nnot\n%s", got, docs)
		}
		if got := w.want(0, "search", "--json", "rhinoceros of page two hundred").out; !strings.Contains(got, string(needle)) {
			t.Errorf("not found: %s", got)
		}
		w.want(0, "doctor", "--repair", "--dry-run")
		return
	}
	if r.code != 1 || !strings.Contains(r.out+r.err, "big.txt") {
		t.Fatalf("repair: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	list := w.documents()
	for line := range strings.Lines(list) {
		if name, _, _ := strings.Cut(line, " "); name == "big.txt" && !strings.Contains(line, "damaged") || name != "big.txt" && !strings.Contains(line, " ready ") {
			t.Errorf("after the repair: %s", line)
		}
	}
	if got := w.answers(6); got != want {
		t.Errorf("the rest answers\n%s\nnot\n%s", got, want)
	}
	w.want(0, "doctor", "--repair", "--dry-run")
}

// TestRepairedByItself: what an opening repairs is said by the command that opened, again by doctor, and kept until somebody has dealt with it; names in it go with what is removed.
func TestRepairedByItself(t *testing.T) {
	w := newWorld(t)
	w.stock(6)
	tables, err := filepath.Glob(filepath.Join(w.data, "library", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	data, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	data[40] ^= 1
	keep := app.Keep{Data: w.data}
	if err := errors.Join(os.WriteFile(tables[0], data, 0o600), keep.AskRepair()); err != nil {
		t.Fatal(err)
	}
	if said := w.run("list").err; !strings.Contains(said, "Repaired by itself (") || !strings.Contains(said, "written anew") || !strings.Contains(said, "kakoi restore --undo") {
		t.Errorf("the first command says %q", said)
	}
	n, there, err := keep.Notice()
	if err != nil || !there || n.Places == 0 || n.Done {
		t.Fatalf("kept: %+v, %v", n, err)
	}
	if said := w.run("list").err; strings.Contains(said, "Repaired") {
		t.Errorf("the second command says it again: %q", said)
	}
	if said := w.run("doctor").err; !strings.Contains(said, "Repaired by itself (") {
		t.Errorf("doctor says %q", said)
	}
	n.Names, n.Lost = []string{"secret.txt"}, []app.Failure{{Path: "/srv/secret.txt", Reason: "secret.txt is gone"}}
	if err := keep.Note(n); err != nil {
		t.Fatal(err)
	}
	w.file("other.txt", "Something else.")
	w.want(0, "add", filepath.Join(w.docs, "other.txt"))
	w.want(0, "remove", "--yes", "other.txt")
	if text, err := os.ReadFile(filepath.Join(w.data, "repaired.json")); err != nil || bytes.Contains(text, []byte("secret")) {
		t.Errorf("after a removal the notice is %s, %v", text, err)
	}
	w.run("doctor", "--repair", "--yes")
	if _, there, err = keep.Notice(); there || err != nil {
		t.Errorf("after the repair it is still kept, %v", err)
	}
}

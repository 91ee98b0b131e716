package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
)

// stock fills a library with a few documents and asks about them.
func (w *world) stock(n int) {
	w.t.Helper()
	for i := range n {
		text := ""
		for j := range 12 {
			text += fmt.Sprintf("Rule %d of part %d: the lamp number %d stands in room %d of house %d.\n\n", j, i, i*100+j, j%7, i%5)
		}
		w.file(fmt.Sprintf("part%02d.txt", i), text)
	}
	w.want(0, "add", w.docs)
}

// answers are what searches say, with scores: a library that gives the same is the same to whoever asks it.
func (w *world) answers(n int) string {
	w.t.Helper()
	out := ""
	for i := 0; i < n; i += 3 {
		out += w.want(0, "search", "--json", "--top", "4", fmt.Sprintf("lamp number %d in house %d", i*100+3, i%5)).out
	}
	return out
}

// documents are names and states.
func (w *world) documents() string {
	w.t.Helper()
	out := ""
	for line := range strings.Lines(w.want(0, "list", "--json").out) {
		var d core.Document
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			w.t.Fatal(err, line)
		}
		out += fmt.Sprintf("%s %s %d %d %s\n", d.Name, d.State, d.Pages, d.Chunks, d.Reason)
	}
	return out
}

func TestBackupAndRestore(t *testing.T) {
	w := newWorld(t)
	w.stock(7)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	w.want(0, "settings", "top", "9")
	want, docs, chats := w.answers(7), w.documents(), w.want(0, "chat", "list", "--json").out
	if err := os.MkdirAll(filepath.Join(w.data, "adapters", "a1"), 0o700); err != nil {
		t.Fatal(err)
	}
	weights := bytes.Repeat([]byte("weights of an adapter "), 100_000)
	if err := os.WriteFile(filepath.Join(w.data, "adapters", "a1", "adapter_model.safetensors"), weights, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(w.data), "my.kakoi-backup")
	s := objects[app.BackupSummary](t, w.want(0, "backup", "--json", file).out)[0]
	if s.Documents != 7 || s.Conversations != 1 || s.Adapters != 1 || s.Bytes == 0 {
		t.Errorf("backup came to %+v", s)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != s.Bytes {
		t.Errorf("the file is %v, %v", info, err)
	}
	w.want(2, "backup", file) // there already, and nobody to be asked
	w.want(2, "backup", filepath.Join(w.data, "inside"))
	w.want(1, "backup", filepath.Join(w.data, "..", "none", "x"))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(w.data, link); err != nil {
		t.Fatal(err)
	}
	w.want(2, "backup", filepath.Join(link, "inside"))
	mine := filepath.Join(t.TempDir(), "mine")
	if err := os.WriteFile(mine+".part", []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(1, "backup", mine)
	if got, err := os.ReadFile(mine + ".part"); err != nil || string(got) != "somebody's own" {
		t.Errorf("a file of somebody's own is %q, %v", got, err)
	}

	// Another machine: an empty data folder.
	other := *w
	other.data = filepath.Join(t.TempDir(), "data")
	if said := other.want(0, "restore", file); !strings.Contains(said.out, "7 documents") {
		t.Errorf("restore said %q", said.out)
	}
	if got := other.answers(7); got != want {
		t.Errorf("restored elsewhere, it answers\n%s\nnot\n%s", got, want)
	}
	if got := other.documents(); got != docs {
		t.Errorf("documents are\n%s\nnot\n%s", got, docs)
	}
	if got := other.want(0, "chat", "list", "--json").out; got != chats {
		t.Errorf("conversations are %s, not %s", got, chats)
	}
	if got, err := os.ReadFile(filepath.Join(other.data, "adapters", "a1", "adapter_model.safetensors")); err != nil || !bytes.Equal(got, weights) {
		t.Errorf("adapter: %v", err)
	}
	if said := other.want(0, "settings", "top"); !strings.Contains(said.out, "9") {
		t.Errorf("settings: %q", said.out)
	}

	// In place: it asks, what was there is kept, and comes back.
	w.want(0, "remove", "--yes", "part01.txt")
	w.file("new.txt", "A new rule says that lamps are green.\n")
	w.want(0, "add", w.docs+"/new.txt")
	changed := w.documents()
	w.want(2, "restore", file) // nobody to be asked
	if got := w.documents(); got != changed {
		t.Error("a restore that nobody said yes to changed something")
	}
	w.want(0, "restore", "--yes", file)
	if got := w.documents(); got != docs {
		t.Errorf("restored: %s", got)
	}
	w.want(0, "restore", "--undo", "--yes")
	if got := w.documents(); got != changed {
		t.Errorf("undone: %s", got)
	}
	w.want(0, "restore", "--undo", "--yes") // and again: the restored one
	if got := w.documents(); got != docs {
		t.Errorf("undone twice: %s", got)
	}
	run := filepath.Join(w.data, "runs", "0123456789abcdef")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	if w.want(0, "list"); !exists(run) {
		t.Error("checkpoints of a run whose record may come back are gone")
	}
	w.want(0, "restore", "--forget", "--yes")
	w.want(1, "restore", "--undo", "--yes")
	if w.want(0, "list"); exists(run) {
		t.Error("checkpoints of a run without a record stay")
	}
	w.want(0, "restore", "--yes", file)
	w.want(0, "remove", "--yes", "part01.txt") // what is kept holds it
	if exists(filepath.Join(w.data, "undo")) {
		t.Error("what was removed is still kept")
	}
	w.want(0, "restore", "--yes", file)
	if got := w.answers(7); got != want {
		t.Error("other answers in the end")
	}
	if left, _ := filepath.Glob(filepath.Join(w.data, "incoming*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDamagedBackup: whatever is wrong with a file, it is refused before anything is touched.
func TestDamagedBackup(t *testing.T) {
	w := newWorld(t)
	w.stock(3)
	docs := w.documents()
	file := filepath.Join(t.TempDir(), "backup")
	w.want(0, "backup", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	foreign := map[string][]byte{"empty": {}, "text": []byte("kakoi backups are fine\n and this is none"), "zip": append([]byte("PK\x03\x04"), whole...)}
	later := bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":9`), 1)
	r := rand.New(rand.NewPCG(4, 4))
	damaged := map[string][]byte{"cut": whole[:len(whole)-1], "cut by half": whole[:len(whole)/2], "more": append(bytes.Clone(whole), 0), "doubled": append(bytes.Clone(whole), whole...), "later, by hand": later}
	for i := range 6 {
		flipped := bytes.Clone(whole)
		flipped[len("kakoi backup\n")+r.IntN(len(whole)-len("kakoi backup\n"))] ^= 1 << r.IntN(8)
		damaged[fmt.Sprint("flip ", i)] = flipped
	}
	try := func(what string, data []byte, sentence string) {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if said := w.want(1, "restore", "--yes", bad); !strings.Contains(said.err, sentence) || !strings.Contains(said.err, "Nothing was changed") {
			t.Errorf("%s: said %q", what, said.err)
		}
	}
	for what, data := range foreign {
		try(what, data, "is not a backup")
	}
	for what, data := range damaged {
		try(what, data, "damaged or not whole")
	}
	if got := w.documents(); got != docs {
		t.Error("a refused restore changed something")
	}
	for _, left := range []string{"incoming", "undo"} {
		if exists(filepath.Join(w.data, left)) {
			t.Errorf("%s is left behind", left)
		}
	}
	w.want(0, "restore", "--check", file)
}

// TestDailyBackup: it is proved when it is made, more than are kept go, a removal takes those in the data folder with it, and a damaged one is found.
func TestDailyBackup(t *testing.T) {
	w := newWorld(t)
	w.stock(4)
	if said := w.want(0, "status"); !strings.Contains(said.out, "The first daily backup is due") {
		t.Errorf("status: %q", said.out)
	}
	w.want(1, "backup", "verify")
	w.want(0, "settings", "backup_keep", "2")
	var kept []app.KeptBackup
	for range 3 {
		k := objects[app.KeptBackup](t, w.want(0, "backup", "now", "--json").out)[0]
		if !k.Good() || k.Documents != 4 || filepath.Dir(k.File) != filepath.Join(w.data, "backups") {
			t.Fatalf("made: %+v", k)
		}
		kept = append(kept, k)
		time.Sleep(1100 * time.Millisecond) // names have seconds
	}
	st := objects[app.BackupsStatus](t, w.want(0, "backup", "list", "--json").out)[0]
	if len(st.Kept) != 2 || !st.Inside || !st.Daily || exists(kept[0].File) {
		t.Errorf("kept: %+v", st)
	}
	data, err := os.ReadFile(kept[2].File)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(kept[2].File, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := w.want(1, "backup", "verify"); !strings.Contains(said.out, "cannot be relied on") {
		t.Errorf("a damaged one: %q", said.out)
	}
	w.want(0, "backup", "verify", kept[1].File)
	w.want(0, "remove", "--yes", "part01.txt")
	if exists(filepath.Join(w.data, "backups")) || exists(filepath.Join(w.data, "proving")) {
		t.Error("a removal leaves backups in the data folder")
	}

	// Elsewhere they are the person's: nothing is deleted, and the removal says so. A day later one is due after a command.
	folder := t.TempDir()
	w.want(0, "settings", "backup_folder", folder)
	w.want(2, "settings", "backup_folder", "relative")
	w.want(0, "backup", "now")
	if said := w.want(0, "remove", "--yes", "part02.txt"); !strings.Contains(said.out, "What was removed is still in them until you delete them") {
		t.Errorf("removal: %q", said.out)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.kakoi-backup"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	old := strings.Replace(files[0], filepath.Base(files[0]), filepath.Base(files[0])[:15], 1) + "20260101-000000.kakoi-backup"
	if err := os.Rename(files[0], old); err != nil {
		t.Fatal(err)
	}
	w.file("part09.txt", "Something new is here.\n")
	w.want(0, "list")
	if files, _ = filepath.Glob(filepath.Join(folder, "*")); len(files) != 1 {
		t.Errorf("after a command that changes nothing: %v", files)
	}
	w.want(0, "add", w.docs)
	if files, _ = filepath.Glob(filepath.Join(folder, "*")); len(files) != 2 {
		t.Errorf("a day later: %v", files)
	}
	// Of a disk that is not there nothing is made in its place.
	w.want(0, "settings", "backup_folder", filepath.Join(folder, "away"))
	w.want(1, "backup", "now")
	if exists(filepath.Join(folder, "away")) {
		t.Error("a folder was made")
	}
}

// TestSealedBackup: of an encrypted library nothing can be read in a backup, it is proved and restored without being asked here, and elsewhere with the passphrase alone, encrypted again.
func TestSealedBackup(t *testing.T) {
	w := newWorld(t)
	w.stock(4)
	pass := w.secretFile("seven lamps in a row")
	w.want(0, "passphrase", "set", "--yes", "--passphrase-file", pass)
	own := func(o *world, code int, args ...string) result {
		t.Helper()
		return o.want(code, append([]string{"--unlock-file", pass}, args...)...)
	}
	ask := func(o *world) string {
		return own(o, 0, "list", "--json").out + own(o, 0, "search", "--json", "lamp number 203").out
	}
	before := ask(w)
	k := objects[app.KeptBackup](t, own(w, 0, "backup", "now", "--json").out)[0]
	if !k.Good() || k.Documents != 4 {
		t.Fatalf("made: %+v", k)
	}
	raw, err := os.ReadFile(k.File)
	if err != nil || bytes.Contains(raw, []byte("part0")) || bytes.Contains(raw, []byte("kakoi backup\n")) {
		t.Errorf("it can be read: %v", err)
	}
	file := filepath.Join(t.TempDir(), "moved")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	own(w, 0, "restore", "--yes", file)
	if got := ask(w); got != before {
		t.Error("restored here it answers differently")
	}
	other := w.elsewhere()
	other.want(2, "restore", file)
	other.want(1, "restore", "--passphrase-file", w.secretFile("seven lamps in a rov"), file)
	other.want(0, "restore", "--passphrase-file", pass, file)
	if got := ask(other); got != before {
		t.Error("restored elsewhere it answers differently")
	}
	if found := other.holding(map[string][]byte{"a name": []byte("part01.txt"), "a text": []byte("the lamp number")}); len(found) > 0 {
		t.Errorf("elsewhere it is not encrypted: %v", found)
	}
	// A capsule goes from an encrypted library to one that is not.
	capsule := filepath.Join(t.TempDir(), "c")
	own(w, 0, "capsule", "export", "--passphrase-file", w.secretFile("another one for it"), capsule)
	plain := w.elsewhere()
	plain.want(0, "capsule", "import", "--passphrase-file", w.secretFile("another one for it"), capsule)
	if got := plain.want(0, "search", "--json", "lamp number 203").out; !strings.HasSuffix(before, got) {
		t.Errorf("taken in it answers %s", got)
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/core/ingest/ingesttest"
	"kakoi/core/ocr/ocrtest"
	"kakoi/core/vault"
	"kakoi/index/store/storetest"
)

// passFile is a file with a passphrase.
func (w *world) passFile(pass string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "pass")
	if err := os.WriteFile(path, []byte(pass+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// encrypt gives the library a passphrase by the command, and its header parameters that do not take a second.
func (w *world) encrypt(pass string) {
	w.t.Helper()
	file := w.passFile(pass)
	w.want(0, "passphrase", "set", "--yes", "--passphrase-file", file)
	w.unlock = file
	w.quick(pass)
}

func (w *world) quick(pass string) {
	w.t.Helper()
	h, there, err := vault.Load(w.data)
	if err != nil || !there {
		w.t.Fatal(there, err)
	}
	k, err := h.Open([]byte(pass))
	if err == nil {
		h, err = h.Rewrap(k, []byte(pass), vault.Params{Time: 1, MemoryKiB: 64, Threads: 1})
	}
	if err == nil {
		err = h.Save(w.data)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// bare runs a command without the passphrase.
func (w *world) bare(code int, args ...string) result {
	w.t.Helper()
	was := w.unlock
	defer func() { w.unlock = was }()
	w.unlock = ""
	return w.want(code, args...)
}

func TestPassphrase(t *testing.T) {
	w := newWorld(t)
	w.stock(5)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	want, answers := w.state(), w.answers(5)
	if r := w.want(0, "passphrase", "status", "--json"); strings.TrimSpace(r.out) != `{"passphrase":false,"recovery":false}` {
		t.Error(r.out)
	}
	w.want(2, "passphrase", "change", "--passphrase-file", w.passFile("x"))
	w.want(2, "passphrase", "set", "--passphrase-file", w.passFile("x")) // nobody confirms
	w.want(2, "passphrase", "set", "--yes", "--passphrase-file", w.passFile(" "))
	if got := w.state(); got != want {
		t.Error("something has changed")
	}
	first := w.passFile("twelve green bottles")
	if r := w.want(0, "passphrase", "set", "--yes", "--passphrase-file", first); !strings.Contains(r.err, "forgets the passphrase") || !strings.Contains(r.out, "encrypted now") {
		t.Error(r.out, r.err)
	}
	w.want(2, "passphrase", "set", "--yes", "--passphrase-file", first)
	if r := w.bare(1, "list"); !strings.Contains(r.err, "nobody to type it") {
		t.Error(r.err)
	}
	w.unlock = w.passFile("twelve grey bottles")
	if r := w.want(1, "list"); !strings.Contains(r.err, "not the passphrase") {
		t.Error(r.err)
	}
	w.unlock = first
	if w.state() != want || w.answers(5) != answers {
		t.Error("the library is another one")
	}

	header, err := os.ReadFile(filepath.Join(w.data, vault.Name))
	if err != nil {
		t.Fatal(err)
	}
	register, err := os.ReadFile(filepath.Join(w.data, "library", "KEYREGISTRY"))
	if err != nil {
		t.Fatal(err)
	}
	second := w.passFile("thirteen blue bottles")
	w.want(0, "passphrase", "change", "--passphrase-file", second)
	w.want(1, "list")
	w.unlock = second
	if w.state() != want {
		t.Error("the library is another one after a change")
	}
	after, err1 := os.ReadFile(filepath.Join(w.data, vault.Name))
	same, err2 := os.ReadFile(filepath.Join(w.data, "library", "KEYREGISTRY"))
	if errors.Join(err1, err2) != nil || bytes.Equal(after, header) || !bytes.Equal(same, register) {
		t.Error("a change wraps the key anew, and nothing else")
	}

	code := strings.Fields(w.want(0, "passphrase", "recovery", "--quiet").out)[0]
	w.unlock = w.passFile(strings.ToLower(code))
	if w.state() != want {
		t.Error("the recovery key opens another library")
	}
	w.unlock = second
	w.want(0, "passphrase", "recovery", "--forget")
	w.unlock = w.passFile(code)
	w.want(1, "list")
	w.unlock = second

	w.want(2, "passphrase", "remove")
	w.want(0, "passphrase", "remove", "--yes")
	w.unlock = ""
	if w.state() != want || w.answers(5) != answers {
		t.Error("the library is another one after all")
	}
	for _, name := range []string{vault.Name, vault.CopyName, "sealing.json", "undo", "incoming"} {
		if exists(filepath.Join(w.data, name)) {
			t.Errorf("%s is left", name)
		}
	}
}

// TestGuestsOfALockedLibrary: a process that has the passphrase serves others, which need none.
func TestGuestsOfALockedLibrary(t *testing.T) {
	w := newWorld(t)
	w.stock(2)
	want := w.documents()
	w.encrypt("twelve green bottles")
	gated, open := w.gated()
	gated.unlock = w.unlock
	more := filepath.Join(t.TempDir(), "more.txt")
	if err := os.WriteFile(more, []byte(sentences("more", 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, wait := gated.start("add", "--collection", "more", more)
	w.owned()
	w.unlock = ""
	if got := w.documents(); got != want {
		t.Errorf("a guest sees %q", got)
	}
	if r := w.want(1, "passphrase", "change", "--passphrase-file", w.passFile("x")); !strings.Contains(r.err, "is running") {
		t.Error(r.err)
	}
	if r := w.want(0, "passphrase", "status"); !strings.Contains(r.out, "is encrypted") {
		t.Error(r.out)
	}
	open()
	if r := wait(); r.code != 0 {
		t.Error(r.err)
	}
}

// planted makes n strings that no table can have in pieces: no three letters of them come twice.
func planted(n int) []string {
	const letters = "BCDFGHJKLMNPQRSTVWXZbcdfghjkmnpqrstvwxz23456789"
	r := rand.New(rand.NewPCG(50, 50))
	seen := map[string]bool{}
	var out []string
	for len(out) < n {
		word := ""
		for len(word) < 10 {
			next := word + string(letters[r.IntN(len(letters))])
			if k := len(next); k >= 3 && seen[next[k-3:]] {
				continue
			}
			if word = next; len(word) >= 3 {
				seen[word[len(word)-3:]] = true
			}
		}
		out = append(out, word)
	}
	return out
}

// planting says what it is in a library that is not encrypted, and nowhere in one that is.
func (w *world) plant(words []string) {
	w.t.Helper()
	first := words[0]
	next := func() string {
		word := words[0]
		words = words[1:]
		return word
	}
	text := ""
	for range 16 {
		text += "The code of house " + next() + " is kept in room " + next() + ".\n\n"
	}
	w.file(next()+".txt", text)
	w.file("folder "+next()+"/表 "+next()+".md", "# "+next()+"\n\n暗号は"+next()+"です。\n\n| "+next()+" | b |\n| - | - |\n| "+next()+" | c |\n")
	w.file("scan.pdf", string(ingesttest.Sheets(ingesttest.ScanSheet)))
	fake := ocrtest.Fake(w.t, ocrtest.Options{Languages: []string{"eng"}, Lines: []string{next()}})
	w.env = append(w.env, "PATH="+fake+string(filepath.ListSeparator)+os.Getenv("PATH"))
	w.run("add", "--collection", next(), filepath.Join(w.docs))
	w.run("ocr", "--all")
	w.want(0, "folder", "link", filepath.Join(w.docs))
	w.run("chat", "ask", "new", "Where is the code of "+next()+"?")
	w.run("chat", "rename", "last", "Title "+next())
	w.run("chat", "wrong", "last", "1", "--answer", "In room "+next())
	w.run("ask", "What about "+first+"?") // what nothing of is kept, either way
	w.run("search", first)
	house, thing := "", next()
	for i := range 12 {
		house += fmt.Sprintf("{\"question\":\"Where is part %d of %s?\",\"answer\":\"Part %d of it is in room %d.\"}\n", i, thing, i, i*7)
	}
	w.want(0, "dataset", "import", w.file("questions.jsonl", house), "--name", "set "+next(), "--seed", "3")
	w.run("train", "--plan", "--epochs", "1", "--batch", "2", "--accumulate", "1", "--rank", "2")
	w.run("train", "--epochs", "1", "--batch", "2", "--accumulate", "1", "--rank", "2", "--name", "run "+next())
	w.run("exam", "--name", first)
	if err := os.MkdirAll(filepath.Join(w.data, "prompts"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.run("add", filepath.Join(w.docs, "gone "+next()+".pdf")) // an error, which the log tells of
	w.run("list", "--collection", next())
	w.run("remove", "--yes", "document "+next())
	if len(words) > 0 {
		w.t.Fatalf("%d strings were not planted", len(words))
	}
}

// TestNothingToBeRead: after a session none of 50 planted strings lies in any file of an encrypted data folder, in any writing, nor in a name; killed or not. Without a
// passphrase every one of them does: the session plants them.
func TestNothingToBeRead(t *testing.T) {
	words := planted(50)
	needles := map[string][]byte{}
	for _, word := range words {
		for name, needle := range storetest.Writings(t, word) {
			if name == "UTF-8" {
				needle = needle[2:9] // its ends may be part of a repetition, which a packed table refers to
			}
			needles[word+" as "+name] = needle
		}
	}
	open := newWorld(t)
	open.plant(words)
	found := open.everywhere(needles)
	for i, word := range words {
		if found[word] == "" {
			t.Errorf("string %d, %s, is not to be seen without a passphrase either: the session does not plant it", i, word)
		}
	}
	w := newWorld(t)
	w.want(0, "status")
	w.encrypt("twelve green bottles")
	w.plant(words)
	look := func(what string) {
		t.Helper()
		for word, where := range w.everywhere(needles) {
			t.Errorf("%s: %s in %s", what, word, where)
		}
	}
	look("after a session")
	w.want(0, "backup", filepath.Join(t.TempDir(), "backup"))
	cmd := w.command("add", "--collection", "more", w.docs)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(150 * time.Millisecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	look("killed")
	w.run("list")
	w.run("doctor")
	look("opened again")

	// One that was plain leaves nothing behind when it is encrypted.
	open.encrypt("twelve green bottles")
	for word, where := range open.everywhere(needles) {
		t.Errorf("encrypted later: %s in %s", word, where)
	}
}

// everywhere are the planted strings in files and names of the data folder, with where they are.
func (w *world) everywhere(needles map[string][]byte) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	byStart := map[[4]byte][]string{}
	for name, needle := range needles {
		byStart[[4]byte(needle)] = append(byStart[[4]byte(needle)], name)
	}
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		data := []byte("\x00" + d.Name())
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data = append(bytes.TrimRight(text, "\x00"), data...)
		}
		for i := 0; i+4 <= len(data); i++ {
			if data[i] == 0 && data[i+1] == 0 && data[i+2] == 0 {
				continue
			}
			for _, name := range byStart[[4]byte(data[i:])] {
				if bytes.HasPrefix(data[i:], needles[name]) {
					out[name[:10]] = strings.TrimPrefix(path, w.data) + " as" + name[13:]
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestPassphraseChangeKilled kills the program while it changes a passphrase: the old one opens the library or the new one does, the other one does not, and the recovery
// key does always.
func TestPassphraseChangeKilled(t *testing.T) {
	w := newWorld(t)
	w.stock(2)
	want := w.state()
	words := []string{"twelve green bottles", "thirteen blue bottles"}
	w.encrypt(words[0])
	code := w.passFile(strings.Fields(w.want(0, "passphrase", "recovery", "--quiet").out)[0])
	r := rand.New(rand.NewPCG(13, uint64(time.Now().UnixNano())))
	old := 0 // which of words opens it
	files := []string{w.passFile(words[0]), w.passFile(words[1])}
	header := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(w.data, name))
		return string(text)
	}
	var before [2]string
	begun := func() bool {
		entries, _ := os.ReadDir(w.data)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".new-") {
				return true
			}
		}
		return header(vault.Name) != before[0] || header(vault.CopyName) != before[1]
	}
	note := func() { before = [2]string{header(vault.Name), header(vault.CopyName)} }
	note()
	k := w.learn("passphrase change", begun, "passphrase", "change", "--passphrase-file", files[1])
	w.unlock, old = files[1], 1
	seen := map[string]int{}
	for i := range kills(3) {
		w.quick(words[old])
		note()
		phase := k.strike(r, i, kills(3), begun, "passphrase", "change", "--passphrase-file", files[1-old])
		now := old
		if w.run("list").code != 0 {
			now, w.unlock = 1-old, files[1-old]
		}
		if got := w.state(); got != want {
			t.Fatalf("kill %d: the library is\n%s", i, got)
		}
		h, there, err := vault.Load(w.data)
		if err != nil || !there {
			t.Fatal(i, there, err)
		}
		if other, err := h.Open([]byte(words[1-now])); !errors.Is(err, vault.ErrPassphrase) {
			other.Close()
			t.Fatalf("kill %d: both passphrases open it: %v", i, err)
		}
		if header(vault.Name) != header(vault.CopyName) {
			t.Errorf("kill %d: the two headers differ after an opening", i)
		}
		for _, e := range w.entries() {
			if strings.HasPrefix(e, ".new-") {
				t.Errorf("kill %d: %s is left", i, e)
			}
		}
		if now == old {
			seen[phase+" old"]++
		} else {
			seen[phase+" new"]++
		}
		old = now
	}
	w.unlock = code
	if got := w.state(); got != want {
		t.Error("the recovery key does not open it any more")
	}
	k.tell(t, kills(3))
	t.Log(seen)
	if kills(3) >= 20 && (seen[killedMidst+" old"] == 0 || seen[killedMidst+" new"] == 0) {
		t.Errorf("no kill fell before the exchange, or none behind it: %v", seen)
	}
}

// entries are the names in the data folder.
func (w *world) entries() (names []string) {
	w.t.Helper()
	all, err := os.ReadDir(w.data)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// TestPassphraseKilled kills the program while it encrypts, decrypts and changes a passphrase: the library is the old one or the new one, and nothing plain is left beside an
// encrypted one.
func TestPassphraseKilled(t *testing.T) {
	w := newWorld(t)
	w.stock(12)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	want := w.state()
	needles := storetest.Writings(t, "lamp number")
	one, two := w.passFile("twelve green bottles"), w.passFile("thirteen blue bottles")
	r := rand.New(rand.NewPCG(9, uint64(time.Now().UnixNano())))
	set := w.timed("passphrase", "set", "--yes", "--passphrase-file", one)
	w.unlock = one
	w.quick("twelve green bottles")
	remove := w.timed("passphrase", "remove", "--yes")
	w.unlock = ""
	seen := map[string]int{}
	for i := range 2 * kills(3) {
		if w.unlock == "" {
			// Most of it is the measuring of the machine and the key's second: the rest is to be hit.
			cmd := w.command("passphrase", "set", "--yes", "--passphrase-file", one)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(set/2+time.Duration(r.Int64N(int64(set))), func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			timer.Stop()
		} else {
			w.killed(r, remove, "passphrase", "remove", "--yes")
		}
		// What the next opening finds decides: an exchange that was begun goes on there.
		w.unlock = ""
		state := "plain"
		if r := w.run("list"); r.code != 0 {
			state = "one"
			if w.unlock = one; w.run("list").code != 0 {
				state, w.unlock = "two", two
			}
		}
		seen[state]++
		if got := w.state(); got != want {
			t.Fatalf("kill %d, %s: the library is\n%s", i, state, got)
		}
		if state == "one" {
			w.quick("twelve green bottles")
		}
		if w.unlock != "" {
			if found := w.holding(needles); len(found) > 0 {
				t.Fatalf("kill %d: %v", i, found)
			}
		}
		for _, name := range []string{"undo", "incoming", "sealing.json"} {
			if exists(filepath.Join(w.data, name)) {
				t.Errorf("kill %d, %s: %s is left", i, state, name)
			}
		}
		if state == "two" {
			w.want(0, "passphrase", "change", "--passphrase-file", one)
			w.unlock = one
		}
	}
	t.Log(seen)
}

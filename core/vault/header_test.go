package vault

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/core"
)

// quick are parameters for tests only.
var quick = Params{Time: 1, MemoryKiB: 64, Threads: 1}

func newVault(t *testing.T, pass string) (Header, *Key) {
	t.Helper()
	h, k, err := New([]byte(pass), quick)
	if err != nil {
		t.Fatal(err)
	}
	return h, k
}

func TestPassphrase(t *testing.T) {
	dir := t.TempDir()
	if _, there, err := Load(dir); there || err != nil {
		t.Fatal(there, err)
	}
	h, k := newVault(t, "鉄の扉 ABC")
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, Name))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, Name))
	if err != nil || bytes.Contains(text, k.root[:]) || bytes.Contains(text, k.files[:]) {
		t.Fatal("the header holds the key", err)
	}
	loaded, there, err := Load(dir)
	if err != nil || !there {
		t.Fatal(there, err)
	}
	for pass, right := range map[string]bool{"鉄の扉 ABC": true, "鉄の扉　ＡＢＣ\n": true, "鉄の扉 abc": false, "": false, "鉄の扉": false} {
		got, err := loaded.Open([]byte(pass))
		if right && (err != nil || got.root != k.root || got.files != k.files || !got.Same(k)) {
			t.Errorf("%q does not open: %v", pass, err)
		}
		var told *core.UserError
		if !right && (!errors.Is(err, ErrPassphrase) || errors.Is(err, core.ErrCorrupt) || !errors.As(err, &told)) {
			t.Errorf("%q: %v", pass, err)
		}
	}
	again, err := loaded.Rewrap(k, []byte("another"), quick)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open([]byte("another")); err != nil || got.root != k.root {
		t.Error("the data key is another one", err)
	}
	if _, err := again.Open([]byte("鉄の扉 ABC")); !errors.Is(err, ErrPassphrase) {
		t.Error("the old passphrase still opens", err)
	}
	_, other := newVault(t, "x")
	if other.root == k.root || other.id == k.id {
		t.Error("two vaults have one key")
	}
	if _, err := again.Rewrap(other, []byte("x"), quick); err == nil {
		t.Error("wraps the key of another vault")
	}
	if _, _, err := New([]byte(" "), quick); !errors.Is(err, core.ErrUsage) {
		t.Error(err)
	}
}

func TestRecovery(t *testing.T) {
	h, k := newVault(t, "pass")
	h, code, err := h.AddRecovery(k)
	if err != nil || !h.HasRecovery() {
		t.Fatal(err)
	}
	if h, err = h.Rewrap(k, []byte("new"), quick); err != nil { // the code outlasts a change
		t.Fatal(err)
	}
	for _, typed := range []string{code, strings.ToLower(code), " " + strings.ReplaceAll(code, "-", "  "), strings.ReplaceAll(code, "O", "0")} {
		if got, err := h.OpenRecovery(typed); err != nil || got.root != k.root {
			t.Errorf("%q: %v", typed, err)
		}
	}
	second, code2, err := h.AddRecovery(k)
	if err != nil || code2 == code {
		t.Fatal(err)
	}
	if _, err := second.OpenRecovery(code); !errors.Is(err, ErrPassphrase) {
		t.Error("the first code still opens", err)
	}
	if _, err := second.RemoveRecovery().OpenRecovery(code2); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if _, err := h.Open([]byte(code)); !errors.Is(err, ErrPassphrase) {
		t.Error("the code is a passphrase", err)
	}
	last := "7"
	if strings.HasSuffix(code, last) {
		last = "6"
	}
	if _, err := h.OpenRecovery(code[:len(code)-1] + last); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
}

// TestDamagedHeader: each bit of the header's file that differs is damage, never a wrong passphrase, and the copy counts then.
func TestDamagedHeader(t *testing.T) {
	h, _ := newVault(t, "pass")
	dir := t.TempDir()
	if err := h.Save(dir); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(dir, Name), filepath.Join(dir, CopyName)
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range text {
		for bit := range 8 {
			bad := bytes.Clone(text)
			bad[i] ^= 1 << bit
			got, err := parse(bad)
			if err == nil { // case of a name, a space: the same values
				if !bytes.Equal(got.sum(), h.Sum) {
					t.Fatalf("byte %d bit %d: taken", i, bit)
				}
			} else if !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
	write(first, text[1:])
	write(second, text[2:])
	if _, there, err := Load(dir); !there || !errors.Is(err, core.ErrCorrupt) {
		t.Error(there, err)
	}
	write(second, text)
	for _, bad := range [][]byte{nil, text[:len(text)/2], []byte("{}")} {
		write(first, bad)
		if got, _, err := Load(dir); err != nil || !bytes.Equal(got.Sum, h.Sum) {
			t.Error("the copy does not count", err)
		}
		if err := Mend(dir); err != nil {
			t.Error(err)
		}
		if now, err := os.ReadFile(first); err != nil || !bytes.Equal(now, text) {
			t.Error("not mended", err)
		}
	}
	if err := Remove(dir); err != nil {
		t.Error(err)
	}
	if _, there, err := Load(dir); there || err != nil {
		t.Error(there, err)
	}
}

// TestForeignHeader: parameters that would take all memory are refused, whoever wrote them.
func TestForeignHeader(t *testing.T) {
	h, _ := newVault(t, "pass")
	for _, p := range []Params{{1, 1 << 31, 1}, {1 << 31, 64, 1}, {1, 64, 0}, {0, 64, 1}, {1, 2 << 20, 1}, {65, 256 << 10, 1}, {17, 1 << 20, 1}} {
		bad := h
		bad.Slots = []slot{h.Slots[0]}
		bad.Slots[0].Params = &p
		if _, err := bad.summed().Open([]byte("pass")); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	weak := h
	weak.Slots = []slot{h.Slots[0]}
	weak.Slots[0].Params = &Params{Time: 2, MemoryKiB: 64, Threads: 1}
	if _, err := weak.summed().Open([]byte("pass")); !errors.Is(err, ErrPassphrase) {
		t.Error("parameters are not authenticated", err)
	}
	many := h
	many.Slots = []slot{h.Slots[0], h.Slots[0]}
	if _, err := many.summed().Open([]byte("wrong")); !errors.Is(err, core.ErrCorrupt) {
		t.Error("two passphrases, each of which takes its time", err)
	}
	if p := (Params{Time: mostPasses, MemoryKiB: mostMemory, Threads: 4}); p.check() != nil {
		t.Error("what is measured here is refused")
	}
	later := h
	later.Format = "kakoi vault 9"
	if _, err := later.summed().Open([]byte("pass")); !errors.Is(err, core.ErrUnsupported) {
		t.Error(err)
	}
}

// TestSaveStopped: wherever a Save stops, one of the two headers is there.
func TestSaveStopped(t *testing.T) {
	one, k := newVault(t, "one")
	two, err := one.Rewrap(k, []byte("two"), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer func(was func(string, string) error) { rename = was }(rename)
	real := rename
	stop := errors.New("stop")
	for at := range 3 {
		dir := t.TempDir()
		if err := one.Save(dir); err != nil {
			t.Fatal(err)
		}
		n := 0
		rename = func(from, to string) error {
			if n++; n > at {
				return stop
			}
			return real(from, to)
		}
		err := two.Save(dir)
		rename = real
		if (err == nil) != (at == 2) {
			t.Fatal(at, err)
		}
		h, _, err := Load(dir)
		want := "one"
		if at > 0 {
			want = "two"
		}
		if _, oerr := h.Open([]byte(want)); oerr != nil {
			t.Error(at, err, oerr)
		}
		if err := Mend(dir); err != nil {
			t.Error(err)
		}
		a, err1 := os.ReadFile(filepath.Join(dir, Name))
		b, err2 := os.ReadFile(filepath.Join(dir, CopyName))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Error(at, "the two files differ", err)
		}
	}
}

// TestSaveKilled kills a process that changes the passphrase over and over: one of the two opens each time, and nothing else is left once it was swept.
func TestSaveKilled(t *testing.T) {
	if dir := os.Getenv("KAKOI_TEST_VAULT"); dir != "" {
		h, _, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		k, err := h.OpenRecovery(os.Getenv("KAKOI_TEST_CODE"))
		for i := 0; err == nil; i++ {
			if h, err = h.Rewrap(k, []byte([]string{"one", "two"}[i%2]), quick); err == nil {
				err = h.Save(dir)
			}
		}
		t.Fatal(err)
	}
	dir := t.TempDir()
	h, k := newVault(t, "one")
	h, code, err := h.AddRecovery(k)
	if err == nil {
		err = h.Save(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i := range 10 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSaveKilled$")
		cmd.Env = append(os.Environ(), "KAKOI_TEST_VAULT="+dir, "KAKOI_TEST_CODE="+code)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+7*i) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		h, there, err := Load(dir)
		if err != nil || !there {
			t.Fatal(there, err)
		}
		opened := ""
		for _, pass := range []string{"one", "two"} {
			if got, err := h.Open([]byte(pass)); err == nil && got.root == k.root {
				opened = pass
			}
		}
		if opened == "" {
			t.Fatal("neither passphrase opens")
		}
		seen[opened]++
		if err := errors.Join(Mend(dir), Sweep(dir)); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 {
			t.Fatal(entries, err)
		}
	}
}

func TestKey(t *testing.T) {
	_, k := newVault(t, "pass")
	a, b := k.Derive("a"), k.Derive("b")
	if len(a) != 32 || bytes.Equal(a, b) || !bytes.Equal(a, k.Derive("a")) || bytes.Equal(a, k.files[:]) {
		t.Error("subkeys")
	}
	raw, err := k.Files()
	if err != nil {
		t.Fatal(err)
	}
	f, err := FromFiles(raw)
	if err != nil || !f.Same(k) || bytes.Equal(f.Derive("a"), a) {
		t.Error("a key of files gives the store's", err)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := k.WriteFile(path, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if got, err := f.ReadFile(path); err != nil || string(got) != "text" {
		t.Error(err)
	}
	if h, _ := newVault(t, "x"); h.belongs(f) == nil {
		t.Error("another vault's")
	}
	k.Close()
	k.Close()
	if k.root != [keySize]byte{} || k.files != [keySize]byte{} {
		t.Error("not forgotten")
	}
	if _, err := k.Create(path); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := k.ReadFile(path); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	var none *Key
	none.Close()
	if raw, err := none.Files(); raw != nil || err != nil || none.Derive("a") != nil {
		t.Error("nil key")
	}
}

// TestMeasure: whatever is measured is something that this program would open.
func TestMeasure(t *testing.T) {
	p := Measure(time.Nanosecond)
	if p.check() != nil || p.MemoryKiB < leastMemory || p.Time < leastPasses {
		t.Errorf("%+v", p)
	}
}

// BenchmarkOpen is what a passphrase costs with the parameters that this machine gets.
func BenchmarkOpen(b *testing.B) {
	p := Measure(time.Second)
	b.Logf("%+v", p)
	h, _, err := New([]byte("pass"), p)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := h.Open([]byte("pass")); err != nil {
			b.Fatal(err)
		}
	}
}

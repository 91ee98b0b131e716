package pack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"kakoi/app/pack"
	"kakoi/core"
	"kakoi/core/vault"
)

// source is a file of the test's own.
func source(item int, name string, data []byte) pack.Source {
	return pack.Source{Item: item, Path: name, Bytes: int64(len(data)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 9))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// quick parameters of a passphrase, and who types it.
var quick = vault.Params{Time: 1, MemoryKiB: 64, Threads: 1}

func typed(pass string) *pack.Keys {
	return &pack.Keys{Ask: func() ([]byte, error) { return []byte(pass), nil }}
}

const id = "0123456789abcdef"

// written is a pack of a model and an adapter in a folder.
type written struct {
	dir   string
	names []string
	want  map[string][]byte // by item and path
	m     *pack.Manifest
}

func write(t testing.TB, partBytes int64, passphrase string) written {
	t.Helper()
	w := written{dir: t.TempDir(), want: map[string][]byte{}}
	var sources []pack.Source
	for _, f := range []struct {
		item int
		name string
		data []byte
	}{
		{0, "config.json", []byte(`{"model_type":"gpt_neox"}`)}, {0, "model.safetensors", noise(1, 300_000)}, {0, "empty.txt", nil}, {0, "1_Pooling/config.json", []byte("{}")},
		{1, "adapter_model.safetensors", noise(2, 70_000)}, {1, "lineage.json", []byte(`{"base":"x"}`)},
	} {
		w.want[fmt.Sprint(f.item, "/", f.name)] = f.data
		sources = append(sources, source(f.item, f.name, f.data))
	}
	m, err := pack.Build(t.Context(), pack.Plan{
		Program: "test", Made: time.Now(), PartBytes: partBytes, Sealed: passphrase != "", Sources: sources,
		Items: []pack.Item{{Kind: pack.KindModel, Name: "mine", Model: "chat", ID: id}, {Kind: pack.KindAdapter, Name: "規程", ID: id, Base: "mine", BaseID: id}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.m = m
	w.names = pack.Names(filepath.Join(w.dir, "mine"+pack.Ext), len(m.Parts))
	var seal *pack.Seal
	if passphrase != "" {
		if seal, err = pack.NewSeal([]byte(passphrase), quick); err != nil {
			t.Fatal(err)
		}
		defer seal.Close()
	}
	form := pack.Form{Manifest: m, Signature: "signed by nobody", Seal: seal, Create: func(part int) (io.WriteCloser, error) { return os.Create(w.names[part]) }}
	if err := form.Write(t.Context(), sources, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range w.names {
		if info, err := os.Stat(name); err != nil || partBytes > 0 && info.Size() > partBytes {
			t.Errorf("%s has %d bytes, at most %d were asked for (%v)", name, info.Size(), partBytes, err)
		}
	}
	return w
}

// take reads parts into a staging folder.
func take(dir string, keys *pack.Keys, names ...string) (err error) {
	for _, name := range names {
		p, err := pack.Open(name, keys)
		if err != nil {
			return err
		}
		defer p.Close()
		s, err := pack.Stage(dir, p)
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.Take(context.Background(), p, nil); err != nil {
			return err
		}
		if len(s.Missing()) == 0 {
			return s.Verify(context.Background(), nil)
		}
	}
	return nil
}

func (w written) same(t testing.TB, dir string) {
	t.Helper()
	for name, want := range w.want {
		if got, err := os.ReadFile(filepath.Join(dir, "items", filepath.FromSlash(name))); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d (%v)", name, len(got), len(want), err)
		}
	}
}

func TestPartsComeInAnyOrder(t *testing.T) {
	for _, passphrase := range []string{"", "correct horse"} {
		w := write(t, 160<<10, passphrase)
		if len(w.names) < 3 {
			t.Fatalf("%d parts", len(w.names))
		}
		keys := typed(passphrase)
		order := slices.Clone(w.names)
		if passphrase != "" {
			order = slices.Clone(order[:2])
			if _, err := pack.Open(order[0], nil); !errors.Is(err, core.ErrEncrypted) {
				t.Errorf("without the passphrase: %v", err)
			}
			if _, err := pack.Open(order[0], typed("wrong")); !errors.Is(err, core.ErrEncrypted) {
				t.Errorf("with another one: %v", err)
			}
			if raw, err := os.ReadFile(order[0]); err != nil || bytes.Contains(raw, []byte("model.safetensors")) {
				t.Errorf("the names of the files stand in a sealed part (%v)", err)
			}
		}
		slices.Reverse(order)
		dir := t.TempDir()
		if err := take(dir, keys, order...); err != nil {
			t.Fatal(err)
		}
		if passphrase == "" {
			w.same(t, dir)
			continue
		}
		s, err := pack.OpenStaging(dir)
		if err != nil || len(s.Missing()) != len(w.names)-2 || slices.Contains(s.Missing(), 0) || s.Signature != "signed by nobody" {
			t.Fatalf("%+v, %v", s, err)
		}
		s.Close()
	}
}

// An import that was cut off goes on behind the last piece that was noted, and a torn last line of the journal counts for nothing.
func TestStagingGoesOn(t *testing.T) {
	w := write(t, 0, "")
	dir := t.TempDir()
	p, err := pack.Open(w.names[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := pack.Stage(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Take(ctx, p, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s.Close()
	journal := filepath.Join(dir, "pieces")
	if err := os.WriteFile(journal, []byte("0 0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = pack.OpenStaging(dir); err != nil || len(s.Missing()) != 1 {
		t.Errorf("a torn line is believed: %v", err)
	}
	s.Close()
	// One that names a piece that is not on the disk is found out before anything is put in place.
	if err := os.WriteFile(journal, []byte("0 0.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = pack.OpenStaging(dir); err != nil || len(s.Missing()) != 0 {
		t.Fatalf("%v, %v", s.Missing(), err)
	}
	if err := s.Verify(t.Context(), nil); !errors.Is(err, core.ErrCorrupt) || len(s.Missing()) != 1 {
		t.Errorf("missing files verified: %v, missing %v", err, s.Missing())
	}
	s.Close()
	if err := take(dir, nil, w.names...); err != nil {
		t.Fatal(err)
	}
	w.same(t, dir)
}

func corrupted(t testing.TB) int {
	n, err := strconv.Atoi(os.Getenv("KAKOI_CORRUPT"))
	if err != nil {
		n = 100
	}
	return n
}

// TestCorruptedPacks: whatever happened to a part, it is refused, with a sentence that names the file.
func TestCorruptedPacks(t *testing.T) {
	w := write(t, 64<<10, "")
	var whole [][]byte
	for _, name := range w.names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, raw)
	}
	r := rand.New(rand.NewPCG(7, 7))
	hurt := map[string]func(raw []byte) []byte{
		"a bit": func(raw []byte) []byte {
			raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
			return raw
		},
		"a bit of the head": func(raw []byte) []byte {
			raw[r.IntN(1500)] ^= 1 << r.IntN(8)
			return raw
		},
		"cut":    func(raw []byte) []byte { return raw[:r.IntN(len(raw))] },
		"longer": func(raw []byte) []byte { return append(raw, noise(r.Uint64(), 1+r.IntN(100))...) },
		"a run of zeros": func(raw []byte) []byte {
			at := r.IntN(len(raw) - 600)
			clear(raw[at : at+600])
			return raw
		},
		"two runs exchanged": func(raw []byte) []byte {
			n := 512
			a := r.IntN(len(raw)/2 - n)
			b := len(raw)/2 + r.IntN(len(raw)/2-n)
			c := slices.Clone(raw[a : a+n])
			copy(raw[a:a+n], raw[b:b+n])
			copy(raw[b:b+n], c)
			return raw
		},
		"the payload of another part": func(raw []byte) []byte {
			other := whole[0]
			if bytes.Equal(raw, other) {
				other = whole[1]
			}
			return append(raw[:len(raw)-1000], other[len(other)-1000:]...)
		},
	}
	kinds := slices.Sorted(func(yield func(string) bool) {
		for k := range hurt {
			if !yield(k) {
				return
			}
		}
	})
	dir := t.TempDir()
	for i := range corrupted(t) {
		n, kind := r.IntN(len(whole)-1), kinds[i%len(kinds)] // the last part is small
		raw := hurt[kind](slices.Clone(whole[n]))
		if bytes.Equal(raw, whole[n]) {
			continue
		}
		bad := filepath.Join(dir, "bad"+pack.Ext)
		if err := os.WriteFile(bad, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		err := take(filepath.Join(t.TempDir(), "stage"), nil, bad)
		var u *core.UserError
		if !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) || !errors.As(err, &u) || len(u.Args) == 0 || u.Args[0] != "bad"+pack.Ext {
			t.Errorf("%d, %s in part %d: %v", i, kind, n+1, err)
		}
		if u != nil && u.Key == "error.pack.damaged" && (u.Args[1] != n+1 || u.Args[2] != len(whole)) {
			t.Errorf("%d, %s: part %d is said to be %v", i, kind, n+1, u.Args)
		}
	}
}

// TestSealedPackIsAuthentic: a sealed part says so when anything of it was changed.
func TestSealedPackIsAuthentic(t *testing.T) {
	w := write(t, 0, "pass")
	whole, err := os.ReadFile(w.names[0])
	if err != nil {
		t.Fatal(err)
	}
	for what, at := range map[string]int{"label": 20, "nonce": 30, "key": 60, "head": 900, "middle": len(whole) / 2, "end": len(whole) - 1} {
		raw := slices.Clone(whole)
		raw[at] ^= 4
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := take(t.TempDir(), typed("pass"), bad); !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrEncrypted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	dir := t.TempDir()
	if err := take(dir, typed("pass"), w.names...); err != nil {
		t.Fatal(err)
	}
	w.same(t, dir)
}

// TestHostileManifests: a manifest that is whole, and lies.
func TestHostileManifests(t *testing.T) {
	for what, change := range map[string]func(m *pack.Manifest){
		"path out":           func(m *pack.Manifest) { m.Files[0].Path = "../config.json" },
		"absolute":           func(m *pack.Manifest) { m.Files[0].Path = "/etc/passwd" },
		"hidden":             func(m *pack.Manifest) { m.Files[0].Path = ".ready.json" },
		"deep":               func(m *pack.Manifest) { m.Files[0].Path = "a/b/c" },
		"not clean":          func(m *pack.Manifest) { m.Files[0].Path = "a//b" },
		"backslash":          func(m *pack.Manifest) { m.Files[0].Path = `a\b` },
		"empty name":         func(m *pack.Manifest) { m.Files[0].Path = "" },
		"twice":              func(m *pack.Manifest) { m.Files[0].Path = "MODEL.safetensors" },
		"file and folder":    func(m *pack.Manifest) { m.Files[0].Path = "1_pooling" },
		"negative":           func(m *pack.Manifest) { m.Files[0].Bytes = -1 },
		"overflow":           func(m *pack.Manifest) { m.Files[0].Bytes = 1 << 62 },
		"another item":       func(m *pack.Manifest) { m.Files[0].Item = 5 },
		"order":              func(m *pack.Manifest) { m.Files[0].Item = 1 },
		"no checksum":        func(m *pack.Manifest) { m.Files[0].SHA256 = "" },
		"parts too large":    func(m *pack.Manifest) { m.Parts[0].Bytes *= 2 },
		"parts too small":    func(m *pack.Manifest) { m.Parts[0].Bytes-- },
		"part of nothing":    func(m *pack.Manifest) { m.Parts = append(m.Parts, pack.Part{}) },
		"no parts":           func(m *pack.Manifest) { m.Parts = nil },
		"piece of nothing":   func(m *pack.Manifest) { m.Piece = 0 },
		"pieces of a part":   func(m *pack.Manifest) { m.Parts[0].Pieces = nil },
		"no items":           func(m *pack.Manifest) { m.Items = nil },
		"two models":         func(m *pack.Manifest) { m.Items[1].Kind = pack.KindModel },
		"another kind":       func(m *pack.Manifest) { m.Items[1].Kind = "program" },
		"ID with a folder":   func(m *pack.Manifest) { m.Items[1].ID = "../../xyz" },
		"name with controls": func(m *pack.Manifest) { m.Items[0].Name = "a\x1b[2J" },
	} {
		w := write(t, 0, "")
		change(w.m)
		name := filepath.Join(t.TempDir(), "x")
		raw, err := w.m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(pack.Head(raw, "", 0), noise(1, 1000)...), 0o600); err != nil {
			t.Fatal(err)
		}
		var u *core.UserError
		if _, err := pack.Open(name, nil); !errors.Is(err, core.ErrCorrupt) || !errors.As(err, &u) || u.Key != "error.pack.head" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPartsTooSmall(t *testing.T) {
	many := noise(3, 3_000_000)
	_, err := pack.Build(t.Context(), pack.Plan{Made: time.Now(), PartBytes: 2000, Sources: []pack.Source{source(0, "a.bin", many)}, Items: []pack.Item{{Kind: pack.KindModel, Name: "x", ID: id}}}, nil)
	var u *core.UserError
	if !errors.Is(err, core.ErrUsage) || !errors.As(err, &u) || u.Key != "error.pack.part_small" {
		t.Errorf("%v", err)
	}
	short := source(0, "a.bin", many)
	short.Bytes++
	if _, err := pack.Build(t.Context(), pack.Plan{Made: time.Now(), Sources: []pack.Source{short}, Items: []pack.Item{{Kind: pack.KindModel, Name: "x", ID: id}}}, nil); !errors.Is(err, core.ErrBusy) {
		t.Errorf("a file that shrank: %v", err)
	}
}

// FuzzOpen: nothing that a file begins with makes Open fail otherwise than with a sentence.
func FuzzOpen(f *testing.F) {
	w := write(f, 0, "")
	raw, err := w.m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack.Head(raw, "s", 0))
	f.Add([]byte("kakoi sealed pack\n\x01\x00\x00\x00\x01\x00\x00\x0012345678\x02\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := pack.Open(name, typed("x"))
		if err == nil {
			p.Close()
			return
		}
		var u *core.UserError
		if !errors.As(err, &u) {
			t.Errorf("%v", err)
		}
	})
}

package app_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/vault"
)

// weak makes a test's passphrase cheap to check.
var weak = vault.Params{Time: 1, MemoryKiB: 64, Threads: 1}

func (b *bench) capsule() *app.Capsule {
	x := b.store.(app.Indexed)
	return &app.Capsule{
		Data: b.dir, Store: x.Index, Jobs: job.NewRunner(), Settings: b.library.Settings, Models: b.models, Version: "test", Params: weak,
	}
}

// corrupted is how many damaged files are tried.
func corrupted() int {
	if n, err := strconv.Atoi(os.Getenv("KAKOI_CORRUPT")); err == nil {
		return n
	}
	return 100
}

// spoil damages a file in one of many ways, and says how.
func spoil(r *rand.Rand, whole []byte) ([]byte, string) {
	out, at := bytes.Clone(whole), r.IntN(len(whole))
	n := min(len(whole)-at, 1+r.IntN(5000))
	switch r.IntN(7) {
	case 0:
		out[at] ^= 1 << r.IntN(8)
		return out, fmt.Sprint("a flipped bit at ", at)
	case 1:
		return out[:at], fmt.Sprint("cut at ", at)
	case 2:
		clear(out[at : at+n])
		out[at] = whole[at] + 1
		return out, fmt.Sprintf("%d bytes wiped at %d", n, at)
	case 3:
		return slices.Insert(out, at, make([]byte, n)...), fmt.Sprintf("%d bytes more at %d", n, at)
	case 4:
		return slices.Delete(out, at, at+n), fmt.Sprintf("%d bytes less at %d", n, at)
	case 5:
		to := r.IntN(len(whole) - n + 1)
		copy(out[to:to+n], whole[at:at+n])
		if bytes.Equal(out, whole) {
			out[to]++
		}
		return out, fmt.Sprintf("%d bytes of %d once more at %d", n, at, to)
	}
	at = r.IntN(min(len(whole), 1000)) // the head is small: often
	out[at] ^= 1 << r.IntN(8)
	return out, fmt.Sprint("a flipped bit in the head at ", at)
}

// TestCorruptedCapsules: none is taken, each is named, and the library is as it was.
func TestCorruptedCapsules(t *testing.T) {
	b := open(t, nil)
	if s, err := b.add(b.files(6, 30)); err != nil || s.Added != 6 {
		t.Fatalf("%+v, %v", s, err)
	}
	pass := []byte("a passphrase of words")
	dir := t.TempDir()
	path := filepath.Join(dir, "whole")
	if _, err := b.capsule().Export(t.Context(), path, app.CapsuleExport{Passphrase: pass}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	into := open(t, nil)
	c := into.capsule()
	r := rand.New(rand.NewPCG(9, 9))
	named := map[string]int{}
	try := func(data []byte, how string) {
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := c.Import(t.Context(), bad, app.CapsuleImport{Passphrase: pass})
		var said *core.UserError
		if err == nil || !errors.As(err, &said) || !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s: %v", how, err)
			return
		}
		named[said.Key]++
	}
	for range corrupted() {
		try(spoil(r, whole))
	}
	try(nil, "empty")
	try(append(bytes.Clone(whole), 0), "a byte more")
	try(append(bytes.Clone(whole), whole...), "twice")
	for key := range named {
		if !slices.Contains([]string{"error.capsule.foreign", "error.capsule.head", "error.capsule.damaged"}, key) {
			t.Errorf("%d are named %s", named[key], key)
		}
	}
	if all, err := into.store.Collections(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("something was taken: %v, %v", all, err)
	}
	if p, err := c.Import(t.Context(), path, app.CapsuleImport{Passphrase: pass}); err != nil || len(p.New) != 6 {
		t.Errorf("the whole one: %+v, %v", p, err)
	}
	if _, err := c.Look(t.Context(), path, []byte("a passphrase of wards"), nil); !errors.Is(err, vault.ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
}

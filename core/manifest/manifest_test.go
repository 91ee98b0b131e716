package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/manifest"
)

// tree writes files and one link, and gives its folder and its manifest.
func tree(t *testing.T) (string, *manifest.Manifest) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"bin/tool": "program\n", "lib/data one.bin": strings.Repeat("x", 5000), "lib/空.txt": ""} {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(filepath.Join(dir, "bin/tool"), 0o755), os.Symlink("../bin/tool", filepath.Join(dir, "lib/link"))); err != nil {
		t.Fatal(err)
	}
	entries, err := manifest.Scan(context.Background(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, &manifest.Manifest{Kind: "bundle", Name: "test", Version: "1", Own: []string{"lib"}, Fields: []manifest.Field{{Key: "commit", Value: "abc"}}, Entries: entries}
}

func TestText(t *testing.T) {
	_, m := tree(t)
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"file\t0755\t8\t", "\tbin/tool\n", "link\t../bin/tool\tlib/link\n", "\tlib/空.txt\n", "own\tlib\n", "field\tcommit\tabc\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	again, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.Text(); err != nil || !bytes.Equal(second, text) {
		t.Errorf("read and written again: %v\n%s", err, second)
	}
	if again.Field("commit") != "abc" || again.Bytes() != 5008 {
		t.Errorf("field %q, %d bytes", again.Field("commit"), again.Bytes())
	}
}

func TestRefused(t *testing.T) {
	for _, p := range []string{"", ".", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "a\tb", "a\nb", `a\b`, "\xff"} {
		m := manifest.Manifest{Kind: "k", Name: "n", Version: "v", Entries: []manifest.Entry{{Path: p}}}
		if _, err := m.Text(); !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("path %q: %v", p, err)
		}
	}
	m := manifest.Manifest{Kind: "k", Name: "n", Version: "v", Entries: []manifest.Entry{{Path: "a"}, {Path: "a"}}}
	if _, err := m.Text(); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("a path that comes twice: %v", err)
	}
	for _, text := range []string{"", "\n", "kakoi-manifest\t1\n", "kakoi-manifest\t1\nend\t00\n"} {
		if _, err := manifest.Parse([]byte(text)); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestEveryByte changes, removes and doubles each byte of a manifest.
func TestEveryByte(t *testing.T) {
	_, m := tree(t)
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= byte(1 + r.IntN(255))
		for how, bad := range map[string][]byte{
			"changed": changed, "removed": slices.Delete(bytes.Clone(text), i, i+1), "cut": text[:i],
			"inserted": slices.Insert(bytes.Clone(text), i, byte(r.IntN(256))),
		} {
			if bytes.Equal(bad, text) {
				continue
			}
			if _, err := manifest.Parse(bad); !errors.Is(err, core.ErrCorrupt) || !strings.Contains(err.Error(), "manifest") {
				t.Fatalf("byte %d %s: %v", i, how, err)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	dir, m := tree(t)
	ctx := context.Background()
	change := func(name string, f func(full string) error) {
		if err := f(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	change("bin/tool", func(p string) error {
		return errors.Join(os.WriteFile(p, []byte("Program\n"), 0o755), os.Chmod(p, 0o777))
	})
	change("lib/data one.bin", func(p string) error { return os.WriteFile(p, []byte("shorter"), 0o644) })
	change("lib/link", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)) })
	change("lib/空.txt", os.Remove)
	change("lib/more", func(p string) error { return os.WriteFile(p, nil, 0o644) })
	found, err := manifest.Scan(ctx, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range m.Compare(found) {
		got = append(got, f.Path+" "+string(f.Problem))
	}
	want := []string{"bin/tool changed", "bin/tool mode", "lib/data one.bin size", "lib/link target", "lib/more additional", "lib/空.txt missing"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	change("bin/tool", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("x", p)) })
	e, err := manifest.ReadEntry(ctx, dir, "bin/tool", nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := m.Compare([]manifest.Entry{e}); all[0].Problem != manifest.Type {
		t.Errorf("a link in place of a file: %v", all)
	}
	if _, err := manifest.ReadEntry(ctx, dir, "nothing", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if d, err := manifest.ReadEntry(ctx, "/dev", "null", nil); err != nil || d.Mode&fs.ModeDevice == 0 {
		t.Errorf("a device: %+v %v", d, err)
	}
}

// TestMinisign reads what the original minisign wrote (testdata/golden.sh).
func TestMinisign(t *testing.T) {
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("testdata", "minisign", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	public, err := manifest.ParsePublicKey(read("test.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(manifest.PublicKeyText(public), read("test.pub")) {
		t.Errorf("public key written as %q", manifest.PublicKeyText(public))
	}
	message := read("message")
	for name, comment := range map[string]string{"message.minisig": "made by minisign", "message.old.minisig": "made by minisign, old form"} {
		if got, err := manifest.Verify(public, message, read(name)); err != nil || got != comment {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if _, err := manifest.Verify(public, append(message, '!'), read(name)); !errors.Is(err, manifest.ErrSignature) {
			t.Errorf("%s over another message: %v", name, err)
		}
	}
	if id, err := manifest.Signer(read("message.minisig")); err != nil || id != manifest.KeyID(public) {
		t.Errorf("signer %q %v, key %s", id, err, manifest.KeyID(public))
	}
	secret, err := manifest.ParseSecretKey(read("test.key"), "")
	if err != nil {
		t.Fatal(err)
	}
	// Ed25519 is deterministic: the same key, message and comment give the original's signature, all but its first line.
	ours := manifest.Sign(secret, message, "made by minisign")
	_, a, _ := bytes.Cut(ours, []byte("\n"))
	_, b, _ := bytes.Cut(read("message.minisig"), []byte("\n"))
	if !bytes.Equal(a, b) {
		t.Errorf("our signature\n%s\nminisign's\n%s", a, b)
	}
	if !manifest.Canonical(ours) || manifest.Canonical(read("message.minisig")) {
		t.Error("what is written as Sign writes it is not recognised")
	}
}

// TestOriginal lets the original verify what we sign, with our keys; where it is not installed, TestMinisign has the same signature byte by byte.
func TestOriginal(t *testing.T) {
	tool, err := exec.LookPath("minisign")
	if err != nil {
		t.Log("no minisign here: its golden files stand for it")
		return
	}
	public, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := manifest.ParseSecretKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	message := []byte("some bytes\n")
	for name, raw := range map[string][]byte{"k.pub": public, "k.key": secret, "m": message, "m.minisig": manifest.Sign(key, message, "ours")} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("-V", "-p", "k.pub", "-m", "m"); err != nil || !strings.Contains(out, "ours") {
		t.Errorf("minisign does not accept our signature: %v\n%s", err, out)
	}
	if out, err := run("-S", "-W", "-s", "k.key", "-m", "m", "-x", "theirs", "-t", "with our key"); err != nil {
		t.Fatalf("minisign does not sign with our key: %v\n%s", err, out)
	}
	theirs, err := os.ReadFile(filepath.Join(dir, "theirs"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := manifest.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if comment, err := manifest.Verify(pub, message, theirs); err != nil || comment != "with our key" {
		t.Errorf("minisign's signature with our key: %q %v", comment, err)
	}
}

func TestSignature(t *testing.T) {
	public, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := manifest.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if line := strings.Split(string(public), "\n")[1]; true {
		if again, err := manifest.ParsePublicKey([]byte(line)); err != nil || again.ID() != pub.ID() {
			t.Errorf("the key's line alone: %v", err)
		}
	}
	key, err := manifest.ParseSecretKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("manifest")
	sig := manifest.Sign(key, message, "comment")
	r := rand.New(rand.NewPCG(3, 4))
	for i := range sig {
		bad := bytes.Clone(sig)
		bad[i] ^= byte(1 + r.IntN(255))
		if _, err := manifest.Verify(pub, message, bad); err == nil && manifest.Canonical(bad) {
			t.Errorf("byte %d changed and accepted", i)
		}
	}
	other, _, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := manifest.ParsePublicKey(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Verify(otherKey, message, sig); !errors.Is(err, manifest.ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	for _, bad := range []string{"", "RWTI", "untrusted comment: x\n", strings.Repeat("A", 56)} {
		if _, err := manifest.ParsePublicKey([]byte(bad)); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
}

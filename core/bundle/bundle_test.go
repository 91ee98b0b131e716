package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kakoi/core/bundle"
	"kakoi/core/manifest"
)

var when = time.Unix(1764294000, 0)

type keys struct {
	public []byte
	pub    manifest.PublicKey
	secret manifest.SecretKey
}

func newKeys(t *testing.T) keys {
	t.Helper()
	public, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	k := keys{public: public}
	if k.pub, err = manifest.ParsePublicKey(public); err != nil {
		t.Fatal(err)
	}
	if k.secret, err = manifest.ParseSecretKey(secret, ""); err != nil {
		t.Fatal(err)
	}
	return k
}

// stage lays out a small tree of a kind.
func stage(t testing.TB, kind string) string {
	t.Helper()
	dir := t.TempDir()
	own := bundle.Folder(kind)
	control := "Package: kakoi-test\nVersion: 1\nArchitecture: amd64\nMaintainer: Kakoi <kakoi@localhost>\nDescription: a test\n"
	files := map[string]string{
		own + "/install.sh": "#!/bin/sh\necho installed\n", own + "/BUILD": "go 1\n",
		own + "/debian/control": control, own + "/debian/postrm": "#!/bin/sh\nexit 0\n",
	}
	if kind == "bundle" {
		r := rand.New(rand.NewPCG(5, 6))
		noise := make([]byte, 70_000)
		for i := range noise {
			noise[i] = byte(r.IntN(256))
		}
		for name, text := range map[string]string{
			"lib/kakoi/kakoi": "program " + string(noise), "lib/kakoi/models/starter/config.json": "{}\n", "lib/kakoi/models/empty": "",
			"lib/kakoi/lib/a library.so": strings.Repeat("code", 3000), "share/doc/kakoi/copyright": "licence\n",
			"share/man/man1/kakoi.1": ".TH kakoi 1\n", "lib/kakoi/" + strings.Repeat("long/", 30) + "name": "long\n",
		} {
			files[name] = text
		}
	} else {
		files["lib/kakoi/cuda/torch/lib/libtorch_cuda.so"] = strings.Repeat("cuda", 500)
	}
	for name, text := range files {
		full := filepath.Join(dir, name)
		mode := fs.FileMode(0o600)
		if strings.HasSuffix(name, "/kakoi") || strings.HasSuffix(name, ".sh") || strings.HasSuffix(name, "postrm") {
			mode = 0o700
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
	if kind == "bundle" {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "bin"), 0o755), os.Symlink("../lib/kakoi/kakoi", filepath.Join(dir, "bin/kakoi"))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func describe(t testing.TB, dir, kind string, k *keys) *bundle.Source {
	t.Helper()
	name := "kakoi"
	if kind == "cuda" {
		name = "kakoi-cuda"
	}
	m := manifest.Manifest{Kind: kind, Name: name, Version: "1.0+gabc", Fields: []manifest.Field{{Key: "commit", Value: "abc"}}}
	var secret *manifest.SecretKey
	var public []byte
	if k != nil {
		secret, public = &k.secret, k.public
	}
	s, err := bundle.Describe(context.Background(), dir, m, when, secret, public)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// write writes both forms and gives their paths.
func write(t testing.TB, s *bundle.Source) (deb, tarball string) {
	t.Helper()
	out := t.TempDir()
	deb, tarball = filepath.Join(out, "kakoi.deb"), filepath.Join(out, "kakoi.tar.gz")
	if err := errors.Join(s.WritePackage(context.Background(), deb), s.WriteTarball(context.Background(), tarball)); err != nil {
		t.Fatal(err)
	}
	return deb, tarball
}

func check(t testing.TB, name string, opt bundle.Options) []*bundle.Report {
	t.Helper()
	all, err := bundle.Check(context.Background(), name, opt)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return all
}

func sound(t *testing.T, name string, opt bundle.Options, state, trust string) {
	t.Helper()
	for _, r := range check(t, name, opt) {
		if !r.OK() || r.Signature.State != state || r.Signature.Trust != trust || r.Files == 0 || r.Version != "1.0+gabc" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func problems(all []*bundle.Report) (list []string) {
	for _, r := range all {
		for _, f := range r.Findings {
			list = append(list, f.Path+" "+string(f.Problem))
		}
	}
	return list
}

func TestForms(t *testing.T) {
	k, other := newKeys(t), newKeys(t)
	for _, kind := range []string{"bundle", "cuda"} {
		for name, key := range map[string]*keys{"signed": &k, "unsigned": nil} {
			dir := stage(t, kind)
			s := describe(t, dir, kind, key)
			deb, tarball := write(t, s)
			for _, path := range []string{dir, deb, tarball} {
				if key == nil {
					sound(t, path, bundle.Options{}, bundle.Unsigned, "")
					if got := check(t, path, bundle.Options{Key: &k.pub}); got[0].OK() {
						t.Errorf("%s %s: unsigned, and accepted though a key was given", kind, path)
					}
					continue
				}
				sound(t, path, bundle.Options{}, bundle.Valid, bundle.Enclosed)
				sound(t, path, bundle.Options{Known: &k.pub}, bundle.Valid, bundle.Installed)
				sound(t, path, bundle.Options{Known: &other.pub}, bundle.Valid, bundle.Enclosed)
				sound(t, path, bundle.Options{Key: &k.pub}, bundle.Valid, bundle.Given)
				if got := check(t, path, bundle.Options{Key: &other.pub}); got[0].OK() || got[0].Signature.State != bundle.Invalid || got[0].Findings[0].Problem != manifest.Signature {
					t.Errorf("%s %s with another key: %+v", kind, path, got[0])
				}
			}
			// The same files give the same bytes.
			deb2, tarball2 := write(t, describe(t, dir, kind, key))
			for a, b := range map[string]string{deb: deb2, tarball: tarball2} {
				one, err := os.ReadFile(a)
				two, err2 := os.ReadFile(b)
				if errors.Join(err, err2) != nil || !bytes.Equal(one, two) {
					t.Errorf("%s %s: written twice, not the same (%v %v)", name, a, err, err2)
				}
			}
		}
	}
}

// TestOriginals lets tar and dpkg read what we write, where they are.
func TestOriginals(t *testing.T) {
	dir := stage(t, "bundle")
	deb, tarball := write(t, describe(t, dir, "bundle", nil))
	out := t.TempDir()
	if text, err := exec.Command("tar", "-xzf", tarball, "-C", out).CombinedOutput(); err != nil || len(text) > 0 {
		t.Fatalf("tar: %v\n%s", err, text)
	}
	unpacked := filepath.Join(out, "kakoi-1.0+gabc")
	if _, err := os.Stat(filepath.Join(unpacked, "install.sh")); err != nil {
		t.Error(err)
	}
	sound(t, unpacked, bundle.Options{}, bundle.Unsigned, "")
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Log("no dpkg here")
		return
	}
	if text, err := exec.Command("dpkg-deb", "-x", deb, out+"/root").CombinedOutput(); err != nil || len(text) > 0 {
		t.Fatalf("dpkg-deb: %v\n%s", err, text)
	}
	sound(t, out+"/root", bundle.Options{}, bundle.Unsigned, "")
	sound(t, out+"/root/usr/lib/kakoi", bundle.Options{}, bundle.Unsigned, "")
	if text, err := exec.Command("dpkg-deb", "-f", deb, "Package").CombinedOutput(); err != nil || string(text) != "kakoi-test\n" {
		t.Errorf("control: %v\n%s", err, text)
	}
}

func TestTree(t *testing.T) {
	k := newKeys(t)
	dir := stage(t, "bundle")
	describe(t, dir, "bundle", &k)
	cuda := stage(t, "cuda")
	describe(t, cuda, "cuda", &k)
	// both parts in one tree
	if err := os.CopyFS(filepath.Join(dir, "lib/kakoi/bundle-cuda"), os.DirFS(filepath.Join(cuda, "lib/kakoi/bundle-cuda"))); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "lib/kakoi/cuda"), os.DirFS(filepath.Join(cuda, "lib/kakoi/cuda"))); err != nil {
		t.Fatal(err)
	}
	if all := check(t, dir, bundle.Options{Key: &k.pub}); len(all) != 2 || len(problems(all)) > 0 {
		t.Fatalf("both parts: %q", problems(all))
	}
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, err := range []error{
		os.WriteFile(at("lib/kakoi/kakoi"), []byte("other"), 0o755), os.Chmod(at("lib/kakoi/models/starter/config.json"), 0o666),
		os.Remove(at("share/doc/kakoi/copyright")), os.WriteFile(at("lib/kakoi/lib/more.so"), nil, 0o644), os.WriteFile(at("share/doc/kakoi/new"), nil, 0o644),
		os.WriteFile(at("lib/kakoi/cuda/more.so"), nil, 0o644), os.WriteFile(at("share/man/man1/other.1"), nil, 0o644), // another program's
		os.Chmod(at("lib/kakoi/bundle/install.sh"), 0o755|fs.ModeSetuid),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := problems(check(t, dir, bundle.Options{}))
	want := []string{
		"lib/kakoi/bundle/install.sh mode", "lib/kakoi/cuda/more.so additional", "lib/kakoi/kakoi size", "lib/kakoi/lib/more.so additional",
		"lib/kakoi/models/starter/config.json mode", "share/doc/kakoi/copyright missing", "share/doc/kakoi/new additional", "lib/kakoi/cuda/more.so additional",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q\nwant %q", got, want)
	}
	if _, err := bundle.Check(context.Background(), t.TempDir(), bundle.Options{}); !errors.Is(err, bundle.ErrNoBundle) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.Remove(at("lib/kakoi/bundle/MANIFEST.minisig")); err != nil {
		t.Fatal(err)
	}
	if got := problems(check(t, dir, bundle.Options{})); !slices.Contains(got, "lib/kakoi/bundle/MANIFEST.minisig missing") {
		t.Errorf("a signature that was taken away is not missed: %q", got)
	}
}

// TestForged rewrites a signed bundle: the manifest of another tree, with its checksum right, and the control files of a package.
func TestForged(t *testing.T) {
	k := newKeys(t)
	dir := stage(t, "bundle")
	describe(t, dir, "bundle", &k)
	sigPath := filepath.Join(dir, "lib/kakoi/bundle/MANIFEST.minisig")
	signature, err := os.ReadFile(sigPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lib/kakoi/kakoi"), []byte("evil"), 0o755); err != nil {
		t.Fatal(err)
	}
	thief := newKeys(t)
	s := describe(t, dir, "bundle", &thief)
	deb, tarball := write(t, s)
	for _, path := range []string{dir, deb, tarball} {
		sound(t, path, bundle.Options{}, bundle.Valid, bundle.Enclosed) // which is why the words for it promise nothing
		if all := check(t, path, bundle.Options{Key: &k.pub}); all[0].OK() {
			t.Errorf("%s: signed by another, accepted", path)
		}
	}
	if err := os.WriteFile(sigPath, signature, 0o644); err != nil { // the old signature over the new manifest
		t.Fatal(err)
	}
	deb, tarball = write(t, s)
	for _, path := range []string{dir, deb, tarball} {
		for _, opt := range []bundle.Options{{}, {Key: &k.pub}, {Known: &k.pub}} {
			if got := strings.Join(problems(check(t, path, opt)), "\n"); !strings.Contains(got, "MANIFEST.minisig signature") {
				t.Errorf("%s with an old signature: %q", path, got)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "lib/kakoi/bundle/debian/postinst"), []byte("#!/bin/sh\nrm -rf /\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	deb = filepath.Join(t.TempDir(), "kakoi.deb")
	if err := s.WritePackage(context.Background(), deb); err != nil { // with a control file that no manifest lists
		t.Fatal(err)
	}
	if got := strings.Join(problems(check(t, deb, bundle.Options{Key: &k.pub})), "\n"); !strings.Contains(got, "control.tar/postinst additional") {
		t.Errorf("a control file that is not listed: %q", got)
	}
}

// TestDetached: minisign's signature over the whole file, beside it.
func TestDetached(t *testing.T) {
	k := newKeys(t)
	deb, _ := write(t, describe(t, stage(t, "bundle"), "bundle", &k))
	raw, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(deb+".minisig", manifest.Sign(k.secret, raw, "whole"), 0o644); err != nil {
		t.Fatal(err)
	}
	sound(t, deb, bundle.Options{Key: &k.pub}, bundle.Valid, bundle.Given)
	if err := os.WriteFile(deb+".minisig", manifest.Sign(k.secret, raw[1:], "another file"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := problems(check(t, deb, bundle.Options{Key: &k.pub})); !slices.Equal(got, []string{"kakoi.deb.minisig signature"}) {
		t.Errorf("found %q", got)
	}
}

// TestCorrupted damages a bundle in each form (KAKOI_CORRUPT times, 100 otherwise): a bit, a byte, a hole, a cut, a doubled stretch, bytes of something else.
func TestCorrupted(t *testing.T) {
	times := 100
	if s := os.Getenv("KAKOI_CORRUPT"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		times = n
	}
	k := newKeys(t)
	signed, plain := stage(t, "bundle"), stage(t, "bundle")
	var files []string
	for dir, key := range map[string]*keys{signed: &k, plain: nil} {
		deb, tarball := write(t, describe(t, dir, "bundle", key))
		files = append(files, deb, tarball)
	}
	slices.Sort(files)
	var raws [][]byte
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	r := rand.New(rand.NewPCG(7, uint64(times)))
	named := 0
	for i := range times {
		n := i % len(files)
		bad, how := damage(r, raws[n])
		if bytes.Equal(bad, raws[n]) {
			continue
		}
		if err := os.WriteFile(files[n], bad, 0o644); err != nil {
			t.Fatal(err)
		}
		all, err := bundle.Check(context.Background(), files[n], bundle.Options{})
		if err != nil {
			t.Fatalf("%s, %s: %v", files[n], how, err)
		}
		list := problems(all)
		if len(list) == 0 {
			t.Fatalf("%s, %s: accepted", files[n], how)
		}
		if !strings.HasPrefix(list[0], filepath.Base(files[n])) || len(list) > 1 {
			named++
		}
	}
	t.Logf("%d damaged packages and tarballs refused; %d times with the entry", times, named)
	// An installed tree, and the text of its manifest.
	var inTree []string
	entries, err := manifest.Scan(context.Background(), signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Size > 0 {
			inTree = append(inTree, e.Path)
		}
	}
	for range times {
		name := inTree[r.IntN(len(inTree))]
		full := filepath.Join(signed, filepath.FromSlash(name))
		raw, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		bad, how := damage(r, raw)
		if bytes.Equal(bad, raw) {
			continue
		}
		if err := os.WriteFile(full, bad, info.Mode()); err != nil {
			t.Fatal(err)
		}
		if got := problems(check(t, signed, bundle.Options{})); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, name) }) {
			t.Fatalf("%s, %s: found %q", name, how, got)
		}
		if err := os.WriteFile(full, raw, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, signed, bundle.Options{}, bundle.Valid, bundle.Enclosed)
}

func damage(r *rand.Rand, raw []byte) ([]byte, string) {
	bad := bytes.Clone(raw)
	at := r.IntN(len(bad))
	if r.IntN(4) == 0 { // headers and ends more often than their share
		at = min(len(bad)-1, r.IntN(300))
		if r.IntN(2) == 0 {
			at = len(bad) - 1 - at
		}
	}
	n := 1 + r.IntN(min(4096, len(bad)-at))
	switch kind := r.IntN(7); kind {
	case 0:
		bad[at] ^= 1 << r.IntN(8)
		return bad, fmt.Sprintf("a bit of byte %d", at)
	case 1:
		bad[at] = byte(r.IntN(256))
		return bad, fmt.Sprintf("byte %d", at)
	case 2:
		clear(bad[at : at+n])
		return bad, fmt.Sprintf("zeros from %d, %d bytes", at, n)
	case 3:
		return bad[:at], fmt.Sprintf("cut at %d", at)
	case 4:
		return slices.Delete(bad, at, at+n), fmt.Sprintf("%d bytes from %d taken out", n, at)
	case 5:
		return slices.Insert(bad, at, raw[at:at+n]...), fmt.Sprintf("%d bytes from %d doubled", n, at)
	default:
		return append(bad, raw[at:at+n]...), fmt.Sprintf("%d bytes added", n)
	}
}

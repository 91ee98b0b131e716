package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/core/bundle"
	"kakoi/core/manifest"
)

// TestVerify: a package, a tarball and an installation, in order and not, signed and not, for people and for scripts.
func TestVerify(t *testing.T) {
	w := newWorld(t)
	public, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := manifest.ParseSecretKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	dir, out := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"lib/kakoi/kakoi": "program", "lib/kakoi/models/m": "weights", "lib/kakoi/bundle/install.sh": "#!/bin/sh\n",
		"lib/kakoi/bundle/debian/control": "Package: kakoi\n",
	} {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	describe := func(k *manifest.SecretKey) *bundle.Source {
		s, err := bundle.Describe(context.Background(), dir, manifest.Manifest{Kind: "bundle", Name: "kakoi", Version: "7"}, time.Unix(1, 0), k, public)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	deb, tarball := filepath.Join(out, "k.deb"), filepath.Join(out, "k.tar.gz")
	s := describe(nil)
	if err := s.WritePackage(context.Background(), deb); err != nil {
		t.Fatal(err)
	}
	if r := w.want(0, "verify", deb, dir); strings.Count(r.out, "Every file is as listed") != 2 || strings.Count(r.out, "It is not signed") != 2 {
		t.Errorf("unsigned: %s", r.out)
	}
	s = describe(&key)
	if err := errors.Join(s.WritePackage(context.Background(), deb), s.WriteTarball(context.Background(), tarball)); err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(out, "kakoi.pub")
	if err := os.WriteFile(keyFile, public, 0o644); err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(public), "\n")[1]
	for _, path := range []string{deb, tarball, dir, filepath.Join(dir, "lib", "kakoi")} {
		if r := w.want(0, "verify", path); !strings.Contains(r.out, "not who signed it") {
			t.Errorf("%s without a key: %s", path, r.out)
		}
		for _, k := range []string{line, keyFile} {
			if r := w.want(0, "verify", "--key", k, path); !strings.Contains(r.out, "Signed with the key that you gave") {
				t.Errorf("%s with the key %s: %s", path, k, r.out)
			}
		}
		if r := w.want(0, "verify", "--lang", "ja", "--key", line, path); !strings.Contains(r.out, "一覧のとおり") {
			t.Errorf("in Japanese: %s", r.out)
		}
		v := objects[verified](t, w.want(0, "verify", "--json", path).out)[0]
		if !v.OK || v.Parts[0].Version != "7" || v.Parts[0].Signature.State != bundle.Valid || v.Parts[0].Findings == nil {
			t.Errorf("JSON of %s: %+v", path, v)
		}
	}
	other, _, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	if r := w.want(1, "verify", "--key", strings.Split(string(other), "\n")[1], deb); !strings.Contains(r.out, "MANIFEST.minisig") || !strings.Contains(r.out, "does not hold") {
		t.Errorf("another key: %s", r.out)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "lib/kakoi/models/m"), []byte("Weights"), 0o755), os.WriteFile(filepath.Join(dir, "lib/kakoi/x"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if r := w.want(1, "verify", dir); !strings.Contains(r.out, "lib/kakoi/models/m: changed") || !strings.Contains(r.out, "lib/kakoi/x: not listed") || !strings.Contains(r.out, "Not as listed: 2") {
		t.Errorf("two differences: %s", r.out)
	}
	v := objects[verified](t, w.want(1, "verify", "--json", dir).out)[0]
	if v.OK || len(v.Parts[0].Findings) != 2 || v.Parts[0].Findings[0].Problem != manifest.Changed {
		t.Errorf("JSON: %+v", v)
	}
	raw, err := os.ReadFile(tarball)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tarball, raw[:len(raw)-1], 0o644); err != nil {
		t.Fatal(err)
	}
	if r := w.want(1, "verify", tarball); !strings.Contains(r.out, "k.tar.gz: changed on the way, or cut off") {
		t.Errorf("cut off: %s", r.out)
	}
	w.want(1, "verify", out)
	w.want(1, "verify", filepath.Join(out, "nothing"))
	w.want(2, "verify", "--key", "RWnonsense", deb)
	w.want(1, "verify") // this program came in no bundle
}

//go:build ignore

// Command licences writes resources/licences: the names and licence texts of everything that is built into the programs or
// comes with them. Run it after a change of go.mod or packages.txt, in a tree that set-up has prepared:
//
//	go run .setup/licences.go
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const folder = "resources/licences"

// out is the folder beside it in which the new one grows: folder is exchanged for it when everything is there, so that a failure, and go list, which
// reads the package that embeds folder, find it whole.
const out = folder + ".new"

// long is the length in bytes from which a text is packed.
const long = 64 << 10

// Part has the form of resources.Licence.
type Part struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Kind    string   `json:"kind"` // "program", "library", "native", "font", "model"
	Licence string   `json:"licence"`
	Texts   []string `json:"texts"` // files of this folder
}

func main() {
	if err := run(); err != nil {
		log.Fatal(errors.Join(err, os.RemoveAll(out)))
	}
}

func run() error {
	cache := os.Getenv("KAKOI_BUILD_CACHE")
	if cache == "" {
		home, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		cache = filepath.Join(home, "kakoi-build")
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	goroot, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return err
	}
	golang := strings.Fields(string(goroot))
	parts := []Part{
		{Name: "Kakoi", Kind: "program"},
		{Name: "Go", Version: strings.TrimPrefix(golang[1], "go"), Kind: "library"},
	}
	dirs := []string{".", golang[0]}
	modules, err := modules()
	if err != nil {
		return err
	}
	for _, m := range modules {
		parts, dirs = append(parts, Part{Name: m.Path, Version: m.Version, Kind: "library"}), append(dirs, m.Dir)
	}
	native := []struct{ pattern, name, kind, licence string }{
		{filepath.Join(cache, "torch-*", "licenses"), "libtorch (PyTorch)", "native", "BSD-3-Clause"},
		{filepath.Join(cache, "models", "multilingual-e5-small"), "multilingual-e5-small", "model", "MIT"},
		{filepath.Join(cache, "fonts"), "Noto Sans JP, BIZ UDGothic", "font", "OFL-1.1"},
	}
	for i := range parts {
		if err := parts[i].read(dirs[i]); err != nil {
			return fmt.Errorf("%s: %w", parts[i].Name, err)
		}
	}
	for _, n := range native {
		p := Part{Name: n.name, Kind: n.kind, Licence: n.licence}
		found, err := filepath.Glob(n.pattern)
		if err != nil {
			return err
		}
		for _, dir := range found {
			if err := p.read(dir); err != nil {
				return fmt.Errorf("%s: %w", n.name, err)
			}
		}
		if len(p.Texts) == 0 && n.kind != "model" {
			return fmt.Errorf("no licence of %s in %s: prepare the tree first (make build)", n.name, n.pattern)
		}
		parts = append(parts, p)
	}
	// What has no file of its own at hand; the licence is the one its project names.
	apache := parts[0].Texts
	parts = append(parts,
		Part{Name: "tokenizers (Hugging Face)", Kind: "native", Licence: "Apache-2.0", Texts: apache},
		Part{Name: "PDFium", Kind: "native", Licence: "BSD-3-Clause, Apache-2.0", Texts: apache},
		Part{Name: "starter", Kind: "model", Licence: "Apache-2.0", Texts: apache},
	)
	slices.SortStableFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)))
	})
	raw, err := json.MarshalIndent(parts, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "index.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return exchange()
}

// exchange puts the new folder in the place of the old one, which is put back where that fails.
func exchange() error {
	const old = folder + ".old"
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(folder, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(out, folder); err != nil {
		return errors.Join(err, os.Rename(old, folder))
	}
	return os.RemoveAll(old)
}

func rank(kind string) int {
	return slices.Index([]string{"program", "model", "font", "native", "library"}, kind)
}

type module struct{ Path, Version, Dir string }

// modules are those of which the programs hold packages.
func modules() ([]module, error) {
	cmd := exec.Command("go", "list", "-deps", "-tags", "x11,torch", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", "./cmd/...")
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []module
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) == 3 && !slices.Contains(all, module{f[0], f[1], f[2]}) {
			all = append(all, module{f[0], f[1], f[2]})
		}
	}
	return all, nil
}

var isText = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|ofl)`)

// read takes the licence texts of a folder.
func (p *Part) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !isText.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(io.LimitReader(f, 1<<20))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		text := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
		sum := sha256.Sum256(text)
		name := hex.EncodeToString(sum[:6]) + ".txt"
		file := text
		if len(text) > long {
			name += ".gz"
			if file, err = packed(text); err != nil {
				return err
			}
		}
		if slices.Contains(p.Texts, name) {
			continue
		}
		if err := os.WriteFile(filepath.Join(out, name), file, 0o644); err != nil {
			return err
		}
		p.Texts = append(p.Texts, name)
		if p.Licence == "" {
			p.Licence = nameOf(string(text))
		}
	}
	return nil
}

// packed is a text by gzip, as /usr/share/doc has long ones.
func packed(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	err = errors.Join(err, w.Close()) // before out is read: closing writes the end
	return out.Bytes(), err
}

// nameOf recognises the usual licences.
func nameOf(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	for _, known := range []struct{ words, name string }{
		{"Apache License Version 2.0", "Apache-2.0"},
		{"Mozilla Public License Version 2.0", "MPL-2.0"},
		{"SIL OPEN FONT LICENSE", "OFL-1.1"},
		{"Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"},
		{"Neither the name of", "BSD-3-Clause"},
		{"names of its contributors may be used to endorse", "BSD-3-Clause"},
		{"Redistribution and use in source and binary forms", "BSD-2-Clause"},
		{"This software is provided 'as-is', without any express or implied warranty", "Zlib"},
		{"Permission to use, copy, modify, and/or distribute this software", "ISC"},
		{"Permission to use, copy, modify, and distribute this software for any purpose", "ISC"},
		{"This is free and unencumbered software released into the public domain", "Unlicense"},
	} {
		if strings.Contains(strings.ToLower(flat), strings.ToLower(known.words)) {
			return known.name
		}
	}
	return ""
}

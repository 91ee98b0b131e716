package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kakoi/app/amount"
	"kakoi/core"
	"kakoi/core/bundle"
	"kakoi/core/manifest"
)

type verifyOptions struct{ key string }

func verifyFlags(fs *flag.FlagSet, c *call) {
	o := &verifyOptions{}
	named(fs, &o.key, "key", "cli.flag.verify_key")
	c.options = o
}

// verified is what --json tells of one path.
type verified struct {
	Path  string           `json:"path"`
	OK    bool             `json:"ok"`
	Parts []*bundle.Report `json:"parts"`
}

// runVerify checks packages, tarballs and installations; without an argument, the installation that this program is part of.
func runVerify(ctx context.Context, c *call) error {
	opt := bundle.Options{Known: installedKey(c.program.home)}
	if text := c.options.(*verifyOptions).key; text != "" {
		key, err := c.publicKey(text)
		if err != nil {
			return err
		}
		opt.Key = &key
	}
	paths := c.args
	if len(paths) == 0 {
		paths = []string{c.program.home}
	}
	failed := false
	for _, path := range paths {
		b := c.newBar()
		opt.Progress = b.progress()
		path = c.path(path)
		reports, err := bundle.Check(ctx, path, opt)
		b.clear()
		if err != nil {
			return explainVerify(err, path, len(c.args) == 0)
		}
		v := verified{Path: path, OK: true, Parts: reports}
		for _, r := range reports {
			v.OK = v.OK && r.OK()
		}
		failed = failed || !v.OK
		if c.json {
			if err := c.emit(v); err != nil {
				return err
			}
			continue
		}
		for _, r := range reports {
			c.printVerified(r)
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

func explainVerify(err error, path string, own bool) error {
	switch {
	case errors.Is(err, bundle.ErrNoBundle) && own:
		return core.Explain(err, "error.verify.own")
	case errors.Is(err, bundle.ErrNoBundle):
		return core.Explain(err, "error.verify.none", path)
	case errors.Is(err, fs.ErrNotExist):
		return core.Explain(err, "error.verify.missing", path)
	case errors.Is(err, context.Canceled):
		return err
	}
	return core.Explain(err, "error.verify.read", path)
}

// publicKey reads a key that was given as a file or as the key's line.
func (c *call) publicKey(text string) (manifest.PublicKey, error) {
	raw := []byte(text)
	if fromFile, err := os.ReadFile(c.path(text)); err == nil {
		raw = fromFile
	}
	key, err := manifest.ParsePublicKey(raw)
	if err != nil {
		return key, core.Explain(fmt.Errorf("%w: %w", core.ErrUsage, err), "error.verify.key", text)
	}
	return key, nil
}

// installedKey is the maker's key that came with this installation; nil where there is none.
func installedKey(home string) *manifest.PublicKey {
	raw, err := os.ReadFile(filepath.Join(home, filepath.Base(bundle.Folder("bundle")), bundle.KeyName))
	if err != nil {
		return nil
	}
	key, err := manifest.ParsePublicKey(raw)
	if err != nil {
		return nil // the check of the installation says that the file was changed
	}
	return &key
}

// printVerified tells people of one part.
func (c *call) printVerified(r *bundle.Report) {
	line := func(format string, args ...any) { fmt.Fprintln(c.Out, sanitize(fmt.Sprintf(format, args...), false)) }
	if r.Name == "" {
		line("%s", r.Path)
	} else {
		line("%s", c.text("cli.verify.part", r.Path, r.Name, r.Version, r.Files, amount.Bytes(r.Bytes)))
	}
	for _, f := range r.Findings {
		text := c.text("cli.verify.problem." + string(f.Problem))
		if f.Want != "" || f.Got != "" {
			text = c.text("cli.verify.instead", text, orDash(f.Want), orDash(f.Got))
		}
		line("  %s: %s", f.Path, text)
	}
	if r.OK() {
		line("  %s", c.text("cli.verify.ok"))
	} else {
		line("  %s", c.text("cli.verify.bad", len(r.Findings)))
	}
	switch s := r.Signature; {
	case s.State == bundle.Unsigned && r.Manifest != "":
		line("  %s", c.text("cli.verify.unsigned", r.Manifest))
	case s.State == bundle.Valid:
		line("  %s", c.text("cli.verify.signed."+s.Trust, s.Key))
	case s.State == bundle.Invalid:
		line("  %s", c.text("cli.verify.invalid", s.Key))
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

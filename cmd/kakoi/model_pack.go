package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/core"
	"kakoi/core/manifest"
)

type packOptions struct {
	partSize    string
	adapters    []string
	withoutBase bool
	replace     bool
	seal        bool
	passFile    string
	sign, key   string
	format      string
	discard     bool
}

func packFlags(fs *flag.FlagSet, o *packOptions) {
	named(fs, &o.partSize, "part-size", "cli.flag.pack_part")
	fs.Func("adapter", "cli.flag.pack_adapter", func(name string) error {
		if name == "" {
			return errors.New("no name")
		}
		o.adapters = append(o.adapters, name)
		return nil
	})
	fs.BoolVar(&o.withoutBase, "without-base", false, "cli.flag.pack_without_base")
	fs.BoolVar(&o.replace, "replace", false, "cli.flag.pack_replace")
	fs.BoolVar(&o.seal, "passphrase", false, "cli.flag.pack_passphrase")
	named(fs, &o.passFile, "passphrase-file", "cli.flag.passphrase_file")
	named(fs, &o.sign, "sign", "cli.flag.pack_sign")
	named(fs, &o.key, "key", "cli.flag.pack_key")
	named(fs, &o.format, "format", "cli.flag.pack_format")
	fs.BoolVar(&o.discard, "discard", false, "cli.flag.pack_discard")
}

// modelExport writes a pack, or a folder as the Hugging Face hub has it.
func modelExport(ctx context.Context, c *call, o *modelOptions) error {
	if err := c.want(3, 3); err != nil {
		return err
	}
	path := c.args[2]
	format, err := exportFormat(c, path, o)
	if err != nil {
		return err
	}
	if format == "hf" {
		return folderExport(ctx, c, o, path)
	}
	return packExport(ctx, c, o, path)
}

// exportFormat is "pack" or "hf": what was asked for, or what the path means.
func exportFormat(c *call, path string, o *modelOptions) (string, error) {
	packed := o.pack.partSize != "" || len(o.pack.adapters) > 0 || o.pack.withoutBase || o.pack.seal || o.pack.passFile != "" || o.pack.sign != ""
	info, err := os.Stat(c.path(path))
	switch {
	case o.pack.format == "hf" && packed:
		return "", core.Explain(fmt.Errorf("a folder in parts, or with adapters: %w", core.ErrUsage), "error.pack.format")
	case o.pack.format == "pack" || o.pack.format == "hf":
		return o.pack.format, nil
	case o.pack.format != "":
		return "", core.Explain(fmt.Errorf("format %q: %w", o.pack.format, core.ErrUsage), "error.usage.value", "--format", strconv.Quote(o.pack.format), "pack | hf")
	case packed || strings.HasSuffix(path, pack.Ext):
		return "pack", nil
	case strings.HasSuffix(path, string(filepath.Separator)) || err == nil && info.IsDir() || filepath.Ext(path) == "":
		return "hf", nil
	}
	return "", core.Explain(fmt.Errorf("export to %q: %w", path, core.ErrUsage), "error.pack.format")
}

func folderExport(ctx context.Context, c *call, o *modelOptions, path string) error {
	plan := app.FolderPlan{Replace: o.pack.replace}
	switch o.plan.DType {
	case "", "fp32", "float32":
	case "fp16", "float16":
		plan.Half = true
	default:
		return core.Explain(fmt.Errorf("dtype %q: %w", o.plan.DType, core.ErrUsage), "error.usage.value", "--dtype", strconv.Quote(o.plan.DType), "fp32 | fp16")
	}
	dir := c.path(path)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 && !exists(filepath.Join(dir, "config.json")) { // a stick, say: into a folder on it
		dir = filepath.Join(dir, app.PackBase(c.args[1]))
	}
	b := c.newBar()
	s, err := c.host.models.ExportFolder(ctx, c.args[1], dir, plan, b.show)
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(s)
	}
	c.say("cli.pack.folder", s.Model, sanitize(s.Dir, false), amount.Bytes(s.Bytes), s.DType)
	return nil
}

func packExport(ctx context.Context, c *call, o *modelOptions, path string) error {
	if info, err := os.Stat(c.path(path)); strings.HasSuffix(path, string(filepath.Separator)) || err == nil && info.IsDir() {
		path = filepath.Join(path, app.PackBase(c.args[1])+pack.Ext)
	} else if filepath.Ext(path) == "" {
		path += pack.Ext
	}
	plan := app.PackPlan{Model: c.args[1], Adapters: o.pack.adapters, Replace: o.pack.replace}
	if o.pack.withoutBase {
		plan.Model = ""
	}
	var err error
	if o.pack.partSize != "" {
		if plan.PartBytes, err = parseSize(o.pack.partSize); err != nil {
			return err
		}
	}
	if plan.Sign, err = c.packSigner(ctx, o.pack.sign); err != nil {
		return err
	}
	if o.pack.seal || o.pack.passFile != "" {
		if plan.Passphrase, err = c.newPassphrase(ctx, o.pack.passFile, "cli.pack.new_passphrase"); err != nil {
			return err
		}
		defer clear(plan.Passphrase)
		if len(plan.Passphrase) == 0 {
			return core.Explain(fmt.Errorf("empty passphrase: %w", core.ErrUsage), "error.pack.empty_passphrase")
		}
	}
	b := c.newBar()
	s, err := c.host.packs.Export(ctx, plan, c.path(path), b.show)
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(s)
	}
	for _, f := range s.Files {
		fmt.Fprintln(c.Out, sanitize(f, false))
	}
	c.say("cli.pack.exported", len(s.Files), amount.Bytes(s.Bytes), c.itemsOf(s.Items))
	if len(o.pack.adapters) > 0 && !s.Sealed { // it leaves the library
		c.say("cli.pack.plain")
	}
	return nil
}

// packSigner reads the secret key of --sign; nil without one.
func (c *call) packSigner(ctx context.Context, file string) (func([]byte) (string, error), error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.path(file))
	if err != nil {
		return nil, core.Explain(fmt.Errorf("--sign: %w: %w", core.ErrUsage, err), "error.pack.key", file)
	}
	password := ""
	if manifest.EncryptedKey(text) {
		typed, err := c.secret(ctx, "cli.pack.key_password")
		if err != nil {
			return nil, err
		}
		password = string(typed)
	}
	key, err := manifest.ParseSecretKey(text, password)
	if err != nil {
		return nil, core.Explain(fmt.Errorf("--sign: %w: %w", core.ErrUsage, err), "error.pack.key", file)
	}
	return app.SignPacks(key, "kakoi model pack")
}

// packImport reads a pack; on a terminal it asks for parts that lie elsewhere.
func packImport(ctx context.Context, c *call, o *modelOptions, part string) error {
	opt := app.PackImport{Name: o.name}
	if o.pack.key != "" {
		key, err := c.signerKey(o.pack.key)
		if err != nil {
			return err
		}
		opt.Key = key
	}
	if o.pack.passFile != "" || o.pack.seal || c.Tty.In {
		opt.Passphrase = func() ([]byte, error) { return c.passphrase(ctx, o.pack.passFile, "cli.pack.passphrase") }
	}
	paths := []string{part}
	if part == "" {
		paths = nil
	}
	for _, arg := range c.args[2:] {
		paths = append(paths, c.path(arg))
	}
	if part == "" { // no pack by its look: the error says what is wrong with it
		paths = append([]string{c.path(c.args[1])}, paths...)
	}
	for {
		b := c.newBar()
		told := false
		opt.Listen = func(s job.State) {
			if s.Stage != "" || s.Ended { // nothing is drawn over the question for a passphrase
				b.show(s)
			}
		}
		opt.Found = func(i app.PackInfo) {
			if !c.json && !told {
				told = true
				b.clear()
				c.sayPack(i)
			}
		}
		r, err := c.host.packs.Import(ctx, paths, opt)
		b.clear()
		var missing *app.MissingParts
		if errors.As(err, &missing) && c.Tty.In && c.ask != nil && !c.json {
			if paths, err = c.nextPart(ctx, missing, paths); err != nil {
				return err
			}
			continue
		}
		if errors.Is(err, context.Canceled) {
			c.sayUnfinished()
		}
		if err != nil {
			return err
		}
		return c.packImported(r)
	}
}

// nextPart asks where a missing part is.
func (c *call) nextPart(ctx context.Context, missing *app.MissingParts, paths []string) ([]string, error) {
	for {
		fmt.Fprintf(c.Err, "%s\n> ", c.text("cli.pack.next", sanitize(missing.List(), false)))
		line, err := c.ask(ctx)
		if err != nil {
			return nil, err
		}
		switch line = strings.TrimSpace(line); line {
		case "":
			return paths, nil // the stick may have come to the same place
		case "q", "Q":
			return nil, context.Canceled
		}
		if part, ok := app.IsPack(c.path(line)); ok {
			return []string{part}, nil
		}
		fmt.Fprintln(c.Err, c.text("error.pack.foreign", sanitize(line, false)))
	}
}

func (c *call) packImported(r app.PackResult) error {
	if c.json {
		return c.emit(r)
	}
	if r.Model != nil {
		c.say("cli.model.imported_as", r.Model.Name, c.text("cli.model."+string(r.Model.Kind)), amount.Bytes(r.Model.Bytes))
		c.say("cli.model.use_hint", quoted(r.Model.Name))
	}
	for _, x := range r.Adapters {
		c.say("cli.adapter.imported", sanitize(x.Name, false), x.ID, sanitize(x.Model, false))
	}
	for _, x := range r.Here {
		c.say("cli.pack.here", sanitize(x.Name, false), x.ID)
	}
	return nil
}

// sayPack says what a pack holds.
func (c *call) sayPack(i app.PackInfo) {
	c.say("cli.pack.found", c.itemsOf(i.Items), amount.Bytes(i.Bytes), i.Parts, i.Made.Local().Format("2006-01-02 15:04"))
	if i.Signer != "" {
		c.say("cli.pack.signed", sanitize(i.Signer, false))
	} else {
		c.say("cli.pack.unsigned")
	}
}

// sayUnfinished says which imports wait to be gone on with.
func (c *call) sayUnfinished() {
	for _, i := range c.host.packs.Unfinished() {
		c.say("cli.pack.unfinished", c.itemsOf(i.Items), amount.Bytes(i.Read), amount.Bytes(i.Bytes))
	}
}

func (c *call) itemsOf(items []pack.Item) string {
	var names []string
	for _, x := range items {
		names = append(names, c.text("cli.pack.item."+x.Kind, sanitize(x.Name, false)))
	}
	return strings.Join(names, ", ")
}

func discardPacks(ctx context.Context, c *call) error {
	if err := c.want(1, 1); err != nil {
		return err
	}
	n, err := c.host.packs.Discard(ctx, "")
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]int{"discarded": n})
	}
	c.say("cli.pack.discarded", n)
	return nil
}

// parseSize reads 4GB, 700MB, 2GiB or a number of bytes.
func parseSize(text string) (int64, error) {
	bad := core.Explain(fmt.Errorf("size %q: %w", text, core.ErrUsage), "error.pack.size", text)
	t := strings.ToUpper(strings.TrimSpace(text))
	unit := int64(1)
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(t, u.name); ok {
			t, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil || !(n > 0) || n*float64(unit) > 1<<50 {
		return 0, bad
	}
	return int64(n * float64(unit)), nil
}

package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
)

type capsuleOptions struct {
	collections list
	into        string
	replace     bool
	other       bool
	plan        bool
	file        string // with the passphrase
	fileB       string // with that of the second capsule of a diff
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds one.
func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}

const capsuleArgs = "export FILE [--collection C ...] | import FILE [--into C] | show FILE | diff FILE [FILE]"

func capsuleFlags(fs *flag.FlagSet, c *call) {
	o := &capsuleOptions{}
	fs.Var(&o.collections, "collection", "cli.flag.capsule_collection")
	fs.StringVar(&o.into, "into", "", "cli.flag.capsule_into")
	fs.BoolVar(&o.replace, "replace", false, "cli.flag.capsule_replace")
	fs.BoolVar(&o.other, "other-embedder", false, "cli.flag.capsule_other")
	fs.BoolVar(&o.plan, "plan", false, "cli.flag.capsule_plan")
	fs.StringVar(&o.file, "passphrase-file", "", "cli.flag.passphrase_file")
	fs.StringVar(&o.fileB, "passphrase-file-2", "", "cli.flag.passphrase_file_2")
	c.options = o
}

var capsuleVerbs = map[string]verb[*capsuleOptions]{
	"export": {1, 1, capsuleExport},
	"import": {1, 1, capsuleImport},
	"show":   {1, 1, capsuleShow},
	"diff":   {1, 2, capsuleDiff},
}

func runCapsule(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		return core.Explain(fmt.Errorf("capsule: %w", core.ErrUsage), "error.usage.missing", c.usage())
	}
	v, err := verbOf(c, capsuleVerbs)
	if err != nil {
		return err
	}
	return v.run(ctx, c, c.options.(*capsuleOptions), c.args[1:])
}

// capsule is that of an open library.
func (h *host) capsule(c *call) *app.Capsule {
	return &app.Capsule{
		Data: c.data, Store: h.index, Jobs: h.library.Jobs, Settings: h.settings, Models: h.models, Bus: h.bus, Version: version, Key: h.keep.Key,
	}
}

func capsuleExport(ctx context.Context, c *call, o *capsuleOptions, args []string) error {
	if o.file == "" && !c.json {
		c.say("cli.capsule.warn")
	}
	pass, err := c.newPassphrase(ctx, o.file, "cli.capsule.new")
	if err != nil {
		return err
	}
	defer clear(pass)
	b := c.newBar()
	s, err := c.host.capsule(c).Export(ctx, c.path(args[0]), app.CapsuleExport{Collections: o.collections, Passphrase: pass, Replace: o.replace, Listen: b.show})
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(s)
	}
	c.say("cli.capsule.exported", sanitize(s.File, false), amount.Bytes(s.Bytes), s.Documents, s.Chunks, s.Conversations, s.Datasets, s.Exams, s.Adapters)
	return nil
}

func capsuleImport(ctx context.Context, c *call, o *capsuleOptions, args []string) error {
	if err := app.PeekCapsule(c.path(args[0])); err != nil {
		return err
	}
	pass, err := c.passphrase(ctx, o.file, "cli.capsule.open")
	if err != nil {
		return err
	}
	defer clear(pass)
	b := c.newBar()
	do := c.host.capsule(c).Import
	if o.plan {
		do = c.host.capsule(c).Plan
	}
	plan, err := do(ctx, c.path(args[0]), app.CapsuleImport{Passphrase: pass, Into: o.into, OtherEmbedder: o.other, Listen: b.show})
	b.clear()
	if err != nil {
		return err
	}
	if !o.plan && len(plan.New)+len(plan.Both) > 0 { // what came into a vector index that was there is linked
		b := c.newBar()
		_, err := c.host.library.BuildGraphs(ctx, b.show)
		b.clear()
		if err != nil {
			return err
		}
	}
	if c.json {
		return c.emit(plan)
	}
	c.tellCapsulePlan(plan, o.plan)
	return nil
}

func (c *call) tellCapsulePlan(p app.CapsulePlan, only bool) {
	key := "cli.capsule.imported"
	if only {
		key = "cli.capsule.planned"
	}
	c.say(key, len(p.New), len(p.Same), len(p.Both), p.Records, p.Adapters)
	const most = 20
	for i, d := range p.Both {
		if i == most {
			c.say("cli.capsule.more", len(p.Both)-most)
			break
		}
		if d.As == d.Name {
			c.say("cli.capsule.both_same", sanitize(d.Name, false), sanitize(d.Collection, false))
		} else {
			c.say("cli.capsule.both", sanitize(d.Name, false), sanitize(d.Collection, false), sanitize(d.As, false))
		}
	}
	for i, o := range p.KeptHere {
		if i == most {
			c.say("cli.capsule.more", len(p.KeptHere)-most)
			break
		}
		c.say("cli.capsule.kept", c.text("capsule.kind."+o.Kind), sanitize(o.Name, false))
	}
	if len(p.Embedders) > 0 {
		c.say("cli.capsule.other")
	}
	if p.OtherSplit > 0 {
		c.say("cli.capsule.split", p.OtherSplit)
	}
}

func capsuleShow(ctx context.Context, c *call, o *capsuleOptions, args []string) error {
	content, err := c.lookCapsule(ctx, args[0], o.file)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(content)
	}
	c.say("cli.capsule.found", content.Made.Local().Format("2006-01-02 15:04"), sanitize(content.Program, false), amount.Bytes(content.Bytes), sanitize(content.Embedder, false))
	for _, one := range content.Collections {
		c.say("cli.capsule.collection", sanitize(one.Name, false), one.Documents, one.Chunks)
	}
	c.say("cli.capsule.rest", content.CapsuleSummary.Conversations, content.Corrections, content.Datasets, content.Exams, content.Runs, content.Adapters)
	c.say("cli.restore.sound")
	return nil
}

func (c *call) lookCapsule(ctx context.Context, file, passFile string) (app.CapsuleContent, error) {
	if err := app.PeekCapsule(c.path(file)); err != nil {
		return app.CapsuleContent{}, err
	}
	pass, err := c.passphrase(ctx, passFile, "cli.capsule.open_of", sanitize(file, false))
	if err != nil {
		return app.CapsuleContent{}, err
	}
	defer clear(pass)
	b := c.newBar()
	defer b.clear()
	return c.host.capsule(c).Look(ctx, c.path(file), pass, b.show)
}

// capsuleDiff compares two capsules, or one with this library.
func capsuleDiff(ctx context.Context, c *call, o *capsuleOptions, args []string) error {
	for _, file := range args { // before anybody types anything
		if err := app.PeekCapsule(c.path(file)); err != nil {
			return err
		}
	}
	a, err := c.lookCapsule(ctx, args[0], o.file)
	if err != nil {
		return err
	}
	nameB := c.text("cli.capsule.library")
	var b app.CapsuleContent
	if len(args) == 2 {
		second := o.fileB
		if second == "" {
			second = o.file
		}
		nameB = args[1]
		b, err = c.lookCapsule(ctx, args[1], second)
	} else {
		var names []string // of the library only what the capsule could hold
		if !a.Whole {
			names = []string{}
			for _, one := range a.Collections {
				if known(ctx, c, one.Name) {
					names = append(names, one.Name)
				}
			}
		}
		b, err = c.host.capsule(c).Content(ctx, names)
	}
	if err != nil {
		return err
	}
	d := a.Diff(b)
	if c.json {
		return c.emit(d)
	}
	c.tellDiff(d, args[0], nameB)
	return nil
}

func known(ctx context.Context, c *call, name string) bool {
	_, err := c.host.library.Collection(ctx, name)
	return err == nil
}

func (c *call) tellDiff(d app.CapsuleDiff, a, b string) {
	a, b = sanitize(a, false), sanitize(b, false)
	if d.Nothing() {
		c.say("cli.capsule.equal", d.Same)
		return
	}
	c.say("cli.capsule.same", d.Same)
	for _, part := range []struct {
		key   string
		where string
		items []app.CapsuleDiffItem
	}{{"cli.capsule.only", a, d.OnlyA}, {"cli.capsule.only", b, d.OnlyB}, {"cli.capsule.changed", "", d.Changed}} {
		if len(part.items) == 0 {
			continue
		}
		if part.where == "" {
			c.say(part.key, len(part.items))
		} else {
			c.say(part.key, part.where, len(part.items))
		}
		for _, i := range part.items {
			fmt.Fprintf(c.Out, "  %s  %s\n", sanitize(i.Collection, false), sanitize(i.Name, false))
		}
	}
	for _, o := range d.Others {
		where := map[string]string{"a": a, "b": b}[o.In]
		if where == "" {
			where = c.text("cli.capsule.in_both")
		}
		c.say("cli.capsule.other_item", c.text("capsule.kind."+o.Kind), sanitize(o.Name, false), where)
	}
}

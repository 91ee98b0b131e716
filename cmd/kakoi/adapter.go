package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/record"
	"kakoi/resources"
)

const adapterArgs = "list | show ADAPTER | use ADAPTER | off | back | export ADAPTER DIR | import DIR | rename ADAPTER NAME | remove ADAPTER"

type adapterOptions struct {
	name, model string
	yes         bool
}

func adapterFlags(fs *flag.FlagSet, c *call) {
	o := &adapterOptions{}
	fs.StringVar(&o.name, "name", "", "cli.flag.adapter_name")
	named(fs, &o.model, "model", "cli.flag.adapter_model")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

// adapterVerb is a word behind `kakoi adapter`.
type adapterVerb = verb[*adapterOptions]

func adapterVerbs() map[string]adapterVerb {
	return map[string]adapterVerb{
		"list": {0, 0, adapterList}, "show": {1, 1, adapterShow}, "use": {1, 1, adapterUse}, "off": {0, 0, adapterOff}, "back": {0, 0, adapterBack},
		"export": {2, 2, adapterExport}, "import": {1, 1, adapterImport}, "rename": {2, -1, adapterRename}, "remove": {1, 1, adapterRemove},
	}
}

func runAdapter(ctx context.Context, c *call) error {
	o := c.options.(*adapterOptions)
	if len(c.args) == 0 {
		return adapterList(ctx, c, o, nil)
	}
	verb, err := verbOf(c, adapterVerbs())
	if err != nil {
		return err
	}
	return verb.run(ctx, c, o, c.args[1:])
}

func adapterList(ctx context.Context, c *call, _ *adapterOptions, _ []string) error {
	all, err := c.host.adapters.List(ctx)
	if err != nil {
		return err
	}
	for _, x := range all {
		if c.json {
			if err := c.emit(x); err != nil {
				return err
			}
			continue
		}
		mark := " "
		if x.Default {
			mark = "*"
		}
		fmt.Fprintf(c.Out, "%s %s  %s  %s  %s  %s\n", mark, x.ID, pad(c.text("cli.adapter.state."+string(x.State)), 9), pad(amount.Bytes(x.Bytes), 9), sanitize(x.Model, false), sanitize(x.Name, false))
		if !x.Fits {
			c.say("cli.adapter.unfit", sanitize(x.Model, false))
		}
	}
	if len(all) == 0 {
		c.say("cli.adapter.none")
	}
	return nil
}

func adapterShow(ctx context.Context, c *call, _ *adapterOptions, args []string) error {
	x, err := c.host.adapters.Find(ctx, args[0])
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(x)
	}
	c.say("cli.adapter.head", sanitize(x.Name, false), x.ID, c.text("cli.adapter.state."+string(x.State)))
	if x.Why != nil {
		sentence, _ := resources.ErrorText(c.lang, x.Why.Err())
		fmt.Fprintln(c.Out, sentence)
	}
	proof := "cli.adapter.known"
	if !x.Known {
		proof = "cli.adapter.unknown"
	}
	c.say("cli.adapter.base", sanitize(x.Model, false), x.ModelID, c.text(proof))
	c.say("cli.adapter.weights", x.Rank, strings.Join(x.Targets, ", "), x.Parameters, amount.Bytes(x.Bytes))
	if x.Dataset != "" {
		c.say("cli.adapter.data", sanitize(x.DatasetName, false), x.Dataset, x.DatasetSum, x.Rows)
	}
	for _, d := range x.Documents {
		c.say("cli.adapter.document", sanitize(d.Name, false), d.ID, d.Rows, d.Shown)
	}
	if x.Exam != "" {
		c.say("cli.adapter.exam", x.Exam)
	}
	return nil
}

func adapterUse(ctx context.Context, c *call, _ *adapterOptions, args []string) error {
	x, err := c.host.adapters.Use(ctx, args[0])
	if err != nil {
		return err
	}
	return c.adapterAnswers(x)
}

// adapterAnswers says that a model answers with an adapter from now on.
func (c *call) adapterAnswers(x record.Adapter) error {
	if c.json {
		return c.emit(x)
	}
	c.say("cli.adapter.used", sanitize(x.Model, false), sanitize(x.Name, false), x.ID)
	return nil
}

func adapterOff(ctx context.Context, c *call, o *adapterOptions, _ []string) error {
	was, err := c.host.adapters.Off(ctx, o.model)
	if err != nil {
		return err
	}
	switch {
	case c.json:
		return c.emit(map[string]string{"off": was.ID})
	case was.ID == "":
		c.say("cli.adapter.nothing_off")
	default:
		c.say("cli.adapter.off", sanitize(was.Model, false), sanitize(was.Name, false))
	}
	return nil
}

func adapterBack(ctx context.Context, c *call, o *adapterOptions, _ []string) error {
	now, err := c.host.adapters.Back(ctx, o.model)
	if err != nil {
		return err
	}
	if now.ID != "" || c.json {
		return c.adapterAnswers(now)
	}
	c.say("cli.adapter.bare")
	return nil
}

func adapterExport(ctx context.Context, c *call, _ *adapterOptions, args []string) error {
	dir := c.path(args[1])
	x, err := c.host.adapters.Export(ctx, args[0], dir)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"id": x.ID, "dir": dir})
	}
	c.say("cli.adapter.exported", sanitize(x.Name, false), dir)
	if c.host.key != nil {
		c.say("cli.adapter.exported_plain")
	}
	return nil
}

func adapterImport(ctx context.Context, c *call, o *adapterOptions, args []string) error {
	b := c.newBar()
	x, err := c.host.adapters.Import(ctx, c.path(args[0]), app.AdapterImport{Name: o.name, Model: o.model, Listen: b.show})
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(x)
	}
	c.say("cli.adapter.imported", sanitize(x.Name, false), x.ID, sanitize(x.Model, false))
	if !x.Known {
		c.say("cli.adapter.unknown")
	}
	return nil
}

func adapterRename(ctx context.Context, c *call, _ *adapterOptions, args []string) error {
	x, err := c.host.adapters.Find(ctx, args[0])
	if err != nil {
		return err
	}
	name := strings.Join(args[1:], " ")
	if err := c.host.adapters.Rename(ctx, x.ID, name); err != nil {
		return err
	}
	if c.json {
		x.Name = strings.TrimSpace(name)
		return c.emit(x)
	}
	c.say("cli.adapter.renamed", sanitize(name, false))
	return nil
}

func adapterRemove(ctx context.Context, c *call, o *adapterOptions, args []string) error {
	x, err := c.host.adapters.Find(ctx, args[0])
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.adapter.remove", sanitize(x.Name, false), x.ID); err != nil {
		return err
	}
	if err := c.host.adapters.Remove(ctx, x.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"removed": x.ID})
	}
	c.say("cli.adapter.removed", sanitize(x.Name, false))
	return nil
}

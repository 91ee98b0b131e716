package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/resources"
)

type modelOptions struct {
	name string
	yes  bool
	plan app.PlanOptions

	calibration calibrationOptions
	pack        packOptions
}

func modelFlags(fs *flag.FlagSet, c *call) {
	o := &modelOptions{}
	fs.StringVar(&o.name, "name", "", "cli.flag.name")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	planFlags(fs, &o.plan)
	calibrationFlags(fs, &o.calibration)
	packFlags(fs, &o.pack)
	c.options = o
}

func runModel(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		return modelList(ctx, c)
	}
	verbs := map[string]func(context.Context, *call, string, *modelOptions) error{"use": modelUse, "remove": modelRemove, "check": modelCheck, "speed": modelSpeed, "quantize": modelQuantize, "plan": modelPlan, "calibrate": modelCalibrate}
	more := []string{"list", "export", "import"}
	verb := c.args[0]
	if verb == "list" {
		if err := c.want(1, 1); err != nil {
			return err
		}
		return modelList(ctx, c)
	}
	o := c.options.(*modelOptions)
	switch verb {
	case "export":
		return modelExport(ctx, c, o)
	case "import":
		return modelImport(ctx, c, o)
	}
	run, ok := verbs[verb]
	if !ok {
		return c.unknownVerb(append(more, slices.Sorted(maps.Keys(verbs))...))
	}
	if verb == "calibrate" && len(c.args) == 1 {
		c.args = append(c.args, c.host.settings.Get().ChatModel)
	}
	if err := c.want(2, 2); err != nil {
		return err
	}
	return run(ctx, c, c.args[1], o)
}

func modelList(ctx context.Context, c *call) error {
	models, err := c.host.models.List(ctx)
	if err != nil {
		return err
	}
	width, kinds := 4, 9
	for _, m := range models {
		width = max(width, columns(m.Name))
		kinds = max(kinds, columns(c.text("cli.model."+string(m.Kind))))
	}
	for _, m := range models {
		if c.json {
			if err := c.emit(m); err != nil {
				return err
			}
			continue
		}
		mark := " "
		if m.InUse {
			mark = "*"
		}
		origin := c.text("cli.model.imported")
		if m.Bundled {
			origin = c.text("cli.model.bundled")
		}
		fmt.Fprintf(c.Out, "%s %s  %s  %s  %s\n", mark, pad(m.Name, width), pad(c.text("cli.model."+string(m.Kind)), kinds), pad(amount.Bytes(m.Bytes), 9), origin)
	}
	if len(models) == 0 {
		c.say("cli.model.none")
	}
	if !c.json {
		c.sayUnfinished()
	}
	return nil
}

func modelImport(ctx context.Context, c *call, o *modelOptions) error {
	if o.pack.discard {
		return discardPacks(ctx, c)
	}
	if err := c.want(2, -1); err != nil {
		return err
	}
	if part, ok := app.IsPack(c.path(c.args[1])); ok || len(c.args) > 2 {
		return packImport(ctx, c, o, part)
	}
	dir := c.args[1]
	b := c.newBar()
	model, err := c.host.models.Import(ctx, c.path(dir), app.ImportOptions{Name: o.name, Listen: b.show})
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(model)
	}
	c.say("cli.model.imported_as", model.Name, c.text("cli.model."+string(model.Kind)), amount.Bytes(model.Bytes))
	if model.FourBit > 0 {
		c.say("cli.model.quantized", model.Name, amount.Bytes(model.FourBit), amount.Bytes(model.Bytes))
	} else if model.Unkept != nil {
		sentence, _ := resources.ErrorText(c.lang, model.Unkept.Err())
		c.say("cli.model.unquantized", sentence)
	}
	c.say("cli.model.use_hint", quoted(model.Name))
	return nil
}

func modelUse(ctx context.Context, c *call, name string, o *modelOptions) error {
	model, err := c.host.models.Find(ctx, name)
	if err != nil {
		return err
	}
	if model.Kind == app.KindEmbedder && !model.InUse {
		b := c.newBar()
		plan, err := c.host.library.PlanRefresh(ctx, name, b.progress())
		b.clear()
		if err != nil {
			return err
		}
		if plan.Documents > 0 {
			if err := c.confirmPlan(ctx, o.yes, plan); err != nil {
				return err
			}
		}
	}
	if err := c.host.models.Use(ctx, name); err != nil {
		return err
	}
	if c.json {
		model.InUse = true
		if err := c.emit(model); err != nil {
			return err
		}
	} else {
		c.say("cli.model.used", name)
	}
	stale, err := c.host.library.Stale(ctx)
	if err != nil {
		return err
	}
	if model.Kind == app.KindEmbedder && len(stale) > 0 {
		return refreshAll(ctx, c)
	}
	return nil
}

func modelRemove(ctx context.Context, c *call, name string, o *modelOptions) error {
	model, err := c.host.models.Removable(ctx, name)
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.model.remove", name, amount.Bytes(model.Bytes)); err != nil {
		return err
	}
	if err := c.host.models.Remove(ctx, name); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"removed": name})
	}
	c.say("cli.model.removed", name)
	return nil
}

func modelCheck(ctx context.Context, c *call, name string, _ *modelOptions) error {
	b := c.newBar()
	id, err := c.host.models.Check(ctx, name, b.show)
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"name": name, "id": id})
	}
	c.say("cli.model.checked", name, id)
	return nil
}

func modelSpeed(ctx context.Context, c *call, name string, _ *modelOptions) error {
	b := c.newBar()
	s, err := c.host.models.Measure(ctx, name, b.show)
	b.clear()
	if err != nil {
		return err
	}
	switch {
	case c.json:
		return c.emit(s)
	case s.Embeds > 0:
		c.say("cli.model.embeds", s.Embeds, s.Device)
	default:
		c.say("cli.model.tokens", s.Prefill, s.Decode, s.Device, s.DType)
	}
	return nil
}

func modelQuantize(ctx context.Context, c *call, name string, _ *modelOptions) error {
	b := c.newBar()
	model, err := c.host.models.Quantize(ctx, name, b.show)
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(model)
	}
	c.say("cli.model.quantized", name, amount.Bytes(model.FourBit), amount.Bytes(model.Bytes))
	return nil
}

// quoted is word as it is typed in a shell.
func quoted(word string) string {
	for _, r := range word {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./+", r) {
			return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return word
}

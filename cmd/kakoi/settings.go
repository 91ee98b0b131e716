package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/settings"
	"kakoi/core"
)

type settingsOptions struct{ reset, yes bool }

func settingsFlags(fs *flag.FlagSet, c *call) {
	o := &settingsOptions{}
	fs.BoolVar(&o.reset, "reset", false, "cli.flag.reset")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

// setting is one line of `kakoi settings --json`; field names are stable.
type setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Allowed string `json:"allowed"`
}

// runSettings lists all settings, shows one, sets one, or gives one its default back.
func runSettings(ctx context.Context, c *call) error {
	if err := c.want(0, 2); err != nil {
		return err
	}
	o := c.options.(*settingsOptions)
	reset := o.reset
	if len(c.args) == 0 && !reset {
		for _, f := range settings.Fields {
			if err := c.showSetting(f); err != nil {
				return err
			}
		}
		return c.setReranker(ctx, false)
	}
	least, most := 1, 2
	if reset {
		most = 1
	}
	if err := c.want(least, most); err != nil {
		return err
	}
	if c.args[0] == "reranker" {
		return c.setReranker(ctx, reset)
	}
	f, ok := settings.FieldOf(c.args[0])
	if !ok {
		return unknownSetting(c.args[0])
	}
	value := f.Default()
	switch {
	case reset:
	case len(c.args) == 1:
		return c.showSetting(f)
	default:
		value = c.args[1]
	}
	set := c.host.settings.Get()
	if err := f.Set(&set, value); err != nil {
		return err
	}
	if f.Key == "splitter" {
		if asked, err := c.resplit(ctx, value, o.yes); err != nil || asked {
			return errors.Join(err, c.showSetting(f))
		}
	}
	// Set on what is there then: another setting may have changed meanwhile. The value itself is known to be good.
	if err := c.host.models.Configure(func(s *settings.Settings) { _ = f.Set(s, value) }); err != nil {
		return err
	}
	return c.showSetting(f)
}

// setReranker shows the model that orders passages, or chooses one; "" is none.
func (c *call) setReranker(ctx context.Context, reset bool) error {
	if len(c.args) == 2 || reset {
		name := ""
		if !reset {
			name = c.args[1]
		}
		if err := c.host.models.UseReranker(ctx, name); err != nil {
			return err
		}
	}
	return c.showNamed("reranker", c.host.settings.Get().Reranker, "", `"" | NAME`)
}

// resplit asks, with what it costs, before documents that are there are split anew, and does that; false when there are none.
func (c *call) resplit(ctx context.Context, splitter string, yes bool) (bool, error) {
	b := c.newBar()
	plan, err := c.host.library.PlanResplit(ctx, splitter, b.progress())
	b.clear()
	if err != nil || plan.Documents == 0 {
		return false, err
	}
	if err := c.confirmPlan(ctx, yes, plan); err != nil {
		return false, err
	}
	opt, b := c.addOptions()
	summary, err := c.host.library.Resplit(ctx, splitter, opt)
	b.clear()
	return true, c.summary(summary, err)
}

// confirmPlan says what making documents anew costs, and asks.
func (c *call) confirmPlan(ctx context.Context, yes bool, p app.RefreshPlan) error {
	return c.confirm(ctx, yes, "cli.refresh.plan", p.Documents, p.New, p.Chunks, amount.Clock(p.Time), p.Rate, amount.Bytes(p.Bytes))
}

func unknownSetting(key string) error {
	var keys []string
	for _, f := range settings.Fields {
		keys = append(keys, f.Key)
	}
	keys = append(keys, "reranker")
	err := fmt.Errorf("setting %q: %w", key, core.ErrUsage)
	if near := nearest(key, keys); near != "" {
		return core.Explain(err, "error.usage.setting_near", key, near)
	}
	return core.Explain(err, "error.usage.setting", key)
}

func (c *call) showSetting(f settings.Field) error {
	return c.showNamed(f.Key, f.Value(c.host.settings.Get()), f.Default(), f.Allowed())
}

func (c *call) showNamed(key, value, standard, allowed string) error {
	if c.json {
		return c.emit(setting{key, value, standard, allowed})
	}
	shown := value
	if shown == "" {
		shown = `""`
	}
	mark := " "
	if value != standard {
		mark = "*"
	}
	_, err := fmt.Fprintf(c.Out, "%s %s  %s  %s\n", mark, pad(key, 14), pad(shown, 12), c.text("setting."+key))
	return err
}

// settledLanguage is the language of messages once the data folder is known: the flag's, the one that is set, that of the
// environment.
func (c *call) settledLanguage() string {
	if c.globals.lang != "" {
		return c.globals.lang
	}
	set, err := settings.Load(filepath.Join(c.data, "settings.json"))
	if err != nil {
		slog.Info("settings before the library is open", "error", err) // told when it is opened
	}
	if set.Language != "" {
		return set.Language
	}
	return c.lang
}

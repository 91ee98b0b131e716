package main

import (
	"context"
	"fmt"
	"log/slog"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
)

// aloneDoctor repairs the files of a library that is not open, before it is opened. The rest of the repair is runDoctor's.
func aloneDoctor(ctx context.Context, c *call) (done bool, err error) {
	o := c.options.(*doctorOptions)
	if !o.repair {
		return false, nil
	}
	if err := c.want(0, 0); err != nil {
		return true, err
	}
	keep := app.Keep{Data: c.data, Key: c.key}
	if _, _, err := keep.Finish(); err != nil {
		return true, err
	}
	b := c.newBar()
	damage, err := keep.InspectFiles(ctx, b.progress())
	b.clear()
	if err != nil || !damage.Any() {
		return err != nil, err
	}
	if !c.json {
		c.say("cli.repair.files", damage.Places, amount.Bytes(damage.Bytes), sanitize(fmt.Sprint(damage.Files), false))
		c.say("cli.repair.files_how")
		c.tellRecords(damage)
	}
	if o.dry {
		o.damage = &damage
		if c.json {
			if err := c.emit(map[string]any{"files": damage}); err != nil {
				return true, err
			}
		}
		c.say("cli.repair.dry")
		return true, errFailed // there is something to repair
	}
	if err := c.confirm(ctx, o.yes, "cli.repair.ask_files"); err != nil {
		return true, err
	}
	b = c.newBar()
	damage, err = keep.SalvageFiles(ctx, b.progress())
	b.clear()
	if err != nil {
		return true, err
	}
	o.damage = &damage
	c.say("cli.repair.files_done", damage.Values)
	return false, nil
}

// settle ends what the opening began when it wrote the library's files anew: what can be mended at once is, and whoever gave the command hears of it, with
// the names of documents that a repair has to read again.
func (h *host) settle(ctx context.Context, c *call) error {
	if h.saved == nil {
		return nil
	}
	plan, err := h.doctor(c).MendOnly(ctx)
	if err != nil {
		return fmt.Errorf("mend the library: %w", err)
	}
	notice := app.NoticeOf(*h.saved, plan)
	if err := h.keep.Note(notice); err != nil { // it can be told once, at least
		slog.Warn("keep what was repaired", "error", err)
	}
	if c.quiet || c.json {
		return nil
	}
	c.tellNotice(h.keep, notice)
	return nil
}

// tellNotice says what was repaired without being asked.
func (c *call) tellNotice(keep app.Keep, n app.RepairNotice) {
	_, undo, err := keep.Undoable()
	for _, line := range n.Said(c.text, undo && err == nil) {
		fmt.Fprintln(c.Err, sanitize(line, false))
	}
}

// tellRecords names what else than documents was hit.
func (c *call) tellRecords(d app.FileDamage) {
	if len(d.Records) > 0 {
		c.say("cli.repair.records_hit", sanitize(fmt.Sprint(d.Records), false))
	}
}

// runRepair says what is wrong with the library, asks, and puts it right.
func runRepair(ctx context.Context, c *call) error {
	o, d := c.options.(*doctorOptions), c.host.doctor(c)
	b := c.newBar()
	plan, err := d.PlanRepair(ctx, b.show)
	b.clear()
	if err != nil {
		return err
	}
	if !c.json {
		c.tellPlan(plan)
	}
	switch {
	case plan.Files:
		return core.Explain(fmt.Errorf("repair files of an open library: %w", core.ErrBusy), "error.repair.open")
	case plan.Nothing():
		if c.json {
			return c.emit(map[string]any{"files": o.damage, "plan": plan})
		}
		c.say("cli.repair.nothing")
		return c.host.keep.CloseNotice() // whoever asks has been told
	case o.dry:
		if c.json {
			err = c.emit(map[string]any{"files": o.damage, "plan": plan})
		}
		c.say("cli.repair.dry")
		if err == nil {
			err = errFailed
		}
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.repair.ask"); err != nil {
		return err
	}
	opt, b := c.addOptions()
	done, err := d.Repair(ctx, opt)
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		if err := c.emit(map[string]any{"files": o.damage, "repaired": done}); err != nil {
			return err
		}
	} else {
		c.say("cli.repair.done", done.Read.Updated+done.Read.Added, len(done.Documents))
		for _, left := range done.Left {
			fmt.Fprintln(c.Out, "  "+sanitize(left, false))
		}
	}
	if err := c.host.keep.CloseNotice(); err != nil {
		return err
	}
	if len(done.Left)+len(done.Read.Failed)+done.Nameless > 0 {
		return errFailed
	}
	return nil
}

// tellPlan says what a repair would do, document by document.
func (c *call) tellPlan(p app.RepairPlan) {
	for _, a := range p.Documents {
		name, source := sanitize(a.Name, false), sanitize(a.Source, false)
		switch a.From {
		case app.FromFile:
			c.say("cli.repair.from_file", name, source)
		case app.FromPages:
			if a.LostPages == 0 {
				c.say("cli.repair.from_all_pages", name, a.Pages)
			} else {
				c.say("cli.repair.from_pages", name, a.Pages, a.LostPages)
			}
		case app.FromSaved:
			c.say("cli.repair.from_saved", name, p.Saved.Local().Format("2006-01-02 15:04"))
		case app.FromNone:
			c.say("cli.repair.lost", name, source)
		}
	}
	if len(p.RecordsBack) > 0 {
		c.say("cli.repair.records_back", len(p.RecordsBack), p.Saved.Local().Format("2006-01-02 15:04"))
	}
	for _, name := range p.Restored {
		c.say("cli.repair.restored", sanitize(name, false))
	}
	for _, name := range p.Collections {
		c.say("cli.repair.collection", sanitize(name, false))
	}
	for _, r := range p.Records {
		c.say("cli.repair.record", sanitize(r, false))
	}
	if p.Nameless > 0 {
		c.say("cli.repair.nameless", p.Nameless)
	}
	for _, kind := range []string{"erase", "count", "graph"} {
		if n := p.Others[kind]; n > 0 {
			c.say("cli.repair.other."+kind, n)
		}
	}
}

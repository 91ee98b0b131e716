package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core/engine"
	"kakoi/resources"
)

type doctorOptions struct {
	device, report   string
	repair, dry, yes bool
	damage           *app.FileDamage // that was repaired before the library was opened
}

func doctorFlags(fs *flag.FlagSet, c *call) {
	o := &doctorOptions{}
	fs.StringVar(&o.device, "device", "", "cli.flag.device")
	fs.StringVar(&o.report, "report", "", "cli.flag.report")
	fs.BoolVar(&o.repair, "repair", false, "cli.flag.repair")
	fs.BoolVar(&o.dry, "dry-run", false, "cli.flag.dry_run")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

func runDoctor(ctx context.Context, c *call) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	if c.options.(*doctorOptions).repair {
		return runRepair(ctx, c)
	}
	if name := c.options.(*doctorOptions).report; name != "" {
		return runReport(ctx, c, name)
	}
	b := c.newBar()
	r, err := c.host.doctor(c).Examine(ctx, c.options.(*doctorOptions).device, b.progress())
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		if err := c.emit(r); err != nil {
			return err
		}
	} else {
		c.printReport(r)
		c.tellBackups(ctx)
		if n, there, err := c.host.keep.Notice(); err == nil && there {
			c.tellNotice(c.host.keep, n)
		}
	}
	if !r.OK {
		return errFailed
	}
	return nil
}

// doctor examines the opened data folder, and speaks the language of the call.
func (h *host) doctor(c *call) *app.Doctor {
	return &app.Doctor{
		Library: h.library, Models: h.models, Engine: h.engine, Jobs: h.models.Jobs, Store: h.index, Mend: h.index, Backups: h.backups(c),
		Proof: c.program.proof, Version: version, Data: c.data,
		Explain: func(err error) string {
			sentence, _ := resources.ErrorText(c.lang, err)
			return sanitize(sentence, false)
		},
		Text: func(key string) string { return c.text(key) },
	}
}

func (c *call) printReport(r app.Health) {
	mark := func(ok bool) string {
		if ok {
			return c.text("cli.doctor.ok")
		}
		return c.text("cli.doctor.bad")
	}
	line := func(ok bool, format string, args ...any) {
		fmt.Fprintf(c.Out, "%s  %s\n", pad(mark(ok), 6), sanitize(fmt.Sprintf(format, args...), false))
	}
	note := func(format string, args ...any) {
		fmt.Fprintf(c.Out, "        %s\n", sanitize(fmt.Sprintf(format, args...), false))
	}
	fmt.Fprintln(c.Out, c.text("cli.doctor.title", r.Version, r.Go, sanitize(r.Data, false)))
	line(app.Refused(r.Closed), "%s", c.text("cli.doctor.closed", "kakoi", r.Closed.Refusals(), len(r.Closed.Attempts), len(r.Closed.Filter), r.Closed.Threads))
	for _, a := range r.Closed.Attempts {
		note("%s: %s", pad(a.What, 38), a.Error)
	}
	line(r.Library.OK, "%s", c.text("cli.doctor.library", r.Library.Documents, r.Library.Chunks, len(r.Library.Problems)))
	for _, p := range r.Library.Problems {
		note("%s: %s", p.Document, p.Cause)
	}
	if f := r.Library.Files; f.Limit > 0 {
		note("%s", c.text("cli.doctor.files", f.Tables, f.Limit))
	}
	if r.Library.Unfinished > 0 {
		note("%s", c.text("cli.doctor.unfinished", r.Library.Unfinished))
	}
	if r.Library.Error != "" {
		note("%s", r.Library.Error)
	}
	for _, m := range r.Models {
		line(m.OK, "%s", c.text("cli.doctor.model", m.Name, c.text("cli.model."+string(m.Kind)), amount.Bytes(m.Bytes), m.ID))
		if m.Error != "" {
			note("%s", m.Error)
		}
	}
	if s := r.Engine.Status; s != nil {
		line(r.Engine.OK, "%s", c.text("cli.doctor.engine", s.Version, s.Device.Torch, s.Device.Device, s.Device.Name, s.Device.Threads))
		note("%s", c.text("cli.doctor.libraries", s.Libraries, r.Engine.Reason))
		if s.Device.Note != "" {
			note("%s", s.Device.Note)
		}
		line(app.Refused(s.Proof), "%s", c.text("cli.doctor.closed", "kakoi-engine", s.Proof.Refusals(), len(s.Proof.Attempts), len(s.Proof.Filter), s.Proof.Threads))
		if f := s.Proof.Files; f != nil && f.On {
			line(true, "%s", c.text("cli.doctor.files_closed", len(f.Grants), f.Refusals(), len(f.Attempts)))
			// The rules for CUDA are not tried with every driver.
			if s.Reason == engine.LibrariesCUDA && !strings.HasPrefix(s.Device.Device, "cuda") {
				note("%s", c.text("cli.doctor.files_cuda"))
			}
		} else if f != nil {
			note("%s", c.text("cli.doctor.files_open", c.text(f.Reason)))
		}
	} else {
		line(false, "%s", c.text("cli.doctor.noengine"))
		note("%s", c.text("cli.doctor.files_cuda"))
	}
	for _, check := range r.Engine.Checks {
		line(check.OK, "%s: %s (%.2f s)", check.Name, check.Detail, check.Seconds)
	}
	if r.Engine.Error != "" {
		note("%s", r.Engine.Error)
	}
	fmt.Fprintln(c.Out)
	if r.OK {
		fmt.Fprintln(c.Out, c.text("cli.doctor.well"))
	} else {
		fmt.Fprintln(c.Out, c.text("cli.doctor.unwell"))
	}
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/engine"
	"kakoi/resources"
)

type doctorOptions struct{ device string }

func doctorFlags(fs *flag.FlagSet, c *call) {
	o := &doctorOptions{}
	fs.StringVar(&o.device, "device", "", "cli.flag.device")
	c.options = o
}

// inspectable is what the engine process can tell of itself.
type inspectable interface {
	Status(ctx context.Context) (engine.Status, error)
	Selftest(ctx context.Context, device string, emit func(engine.Check) error) error
}

// report is `kakoi doctor --json`; field names are stable.
type report struct {
	OK      bool          `json:"ok"`
	Version string        `json:"version"`
	Go      string        `json:"go"`
	Data    string        `json:"data"`
	Closed  closed.Proof  `json:"closed"` // of this process; the engine's is in engine.status.proof
	Library libraryReport `json:"library"`
	Engine  engineReport  `json:"engine"`
	Models  []modelReport `json:"models"`
}

type libraryReport struct {
	OK         bool      `json:"ok"`
	Documents  int       `json:"documents"`
	Chunks     int       `json:"chunks"`
	Problems   []problem `json:"problems"`
	Unfinished int       `json:"unfinished"` // documents that the next add goes on with
	Error      string    `json:"error,omitempty"`
}

type problem struct {
	Document string `json:"document"`
	Cause    string `json:"cause"`
}

type engineReport struct {
	OK     bool           `json:"ok"`
	Status *engine.Status `json:"status,omitempty"`
	Reason string         `json:"libraries_reason,omitempty"` // for people
	Checks []engine.Check `json:"checks"`
	Error  string         `json:"error,omitempty"`
}

type modelReport struct {
	app.Model
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

func runDoctor(ctx context.Context, c *call) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	r := report{Version: version, Go: runtime.Version(), Data: c.data, Closed: c.program.proof, Models: []modelReport{}}
	b := c.newBar()
	var err error
	if r.Library, err = c.inspectLibrary(ctx, b); err == nil {
		if r.Models, err = c.inspectModels(ctx, b); err == nil {
			r.Engine, err = c.inspectEngine(ctx, b)
		}
	}
	b.clear()
	if err != nil {
		return err
	}
	r.OK = r.Library.OK && r.Engine.OK && r.Closed.Refusals() == len(r.Closed.Attempts)
	for _, m := range r.Models {
		r.OK = r.OK && m.OK
	}
	if c.json {
		if err := c.emit(r); err != nil {
			return err
		}
	} else {
		c.printReport(r)
	}
	if !r.OK {
		return errFailed
	}
	return nil
}

// inspectLibrary reads every value of the store. Its error is only the end of ctx: what is wrong is in the report.
func (c *call) inspectLibrary(ctx context.Context, b *bar) (libraryReport, error) {
	r := libraryReport{Problems: []problem{}}
	var err error
	if r.Documents, r.Chunks, err = c.host.library.Size(ctx); err != nil {
		r.Error = c.sentence(err)
		return r, ctx.Err()
	}
	problems, err := c.host.index.Verify(ctx, b.progress())
	if err != nil {
		r.Error = c.sentence(err)
		return r, ctx.Err()
	}
	for _, p := range problems {
		if errors.Is(p.Err, core.ErrBusy) { // a draft: the next add goes on with it
			r.Unfinished++
			continue
		}
		name := p.Name
		if name == "" {
			name = p.Document
		}
		r.Problems = append(r.Problems, problem{name, p.Err.Error()})
	}
	r.OK = len(r.Problems) == 0
	return r, nil
}

func (c *call) sentence(err error) string {
	s, _ := resources.ErrorText(c.lang, err)
	return sanitize(s, false)
}

func (c *call) inspectModels(ctx context.Context, b *bar) ([]modelReport, error) {
	models, err := c.host.models.List(ctx)
	if err != nil {
		return nil, err
	}
	reports := []modelReport{}
	for _, m := range models {
		r := modelReport{Model: m, OK: true}
		if r.ID, err = c.host.models.Verify(ctx, m, b.progress()); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			r.OK, r.Error = false, c.sentence(err)
		}
		r.Files = nil
		reports = append(reports, r)
	}
	return reports, nil
}

func (c *call) inspectEngine(ctx context.Context, b *bar) (engineReport, error) {
	r := engineReport{Checks: []engine.Check{}}
	b.progress().Report(core.Update{Stage: "start"})
	client, err := c.host.engine.Client(ctx)
	if err == nil {
		inspect, ok := client.(inspectable)
		if !ok {
			return r, fmt.Errorf("engine of another kind: %w", core.ErrUnsupported)
		}
		var status engine.Status
		if status, err = inspect.Status(ctx); err == nil {
			r.Status = &status
			r.Reason = c.text(status.Reason)
			b.progress().Report(core.Update{Stage: "selftest"})
			err = inspect.Selftest(ctx, c.options.(*doctorOptions).device, func(check engine.Check) error {
				r.Checks = append(r.Checks, check)
				return nil
			})
			// The checks have chosen the device and loaded the library.
			if after, serr := inspect.Status(ctx); serr == nil {
				r.Status = &after
			}
		}
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		r.Error = c.sentence(err)
		return r, nil
	}
	r.OK = r.Status.Proof.Refusals() == len(r.Status.Proof.Attempts) && len(r.Status.Proof.Attempts) > 0 && len(r.Checks) > 0
	for _, check := range r.Checks {
		r.OK = r.OK && check.OK
	}
	return r, nil
}

func (c *call) printReport(r report) {
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
	line(r.Closed.Refusals() == len(r.Closed.Attempts), "%s", c.text("cli.doctor.closed", "kakoi", r.Closed.Refusals(), len(r.Closed.Attempts), len(r.Closed.Filter), r.Closed.Threads))
	for _, a := range r.Closed.Attempts {
		note("%s: %s", pad(a.What, 38), a.Error)
	}
	line(r.Library.OK, "%s", c.text("cli.doctor.library", r.Library.Documents, r.Library.Chunks, len(r.Library.Problems)))
	for _, p := range r.Library.Problems {
		note("%s: %s", p.Document, p.Cause)
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
		line(s.Proof.Refusals() == len(s.Proof.Attempts), "%s", c.text("cli.doctor.closed", "kakoi-engine", s.Proof.Refusals(), len(s.Proof.Attempts), len(s.Proof.Filter), s.Proof.Threads))
	} else {
		line(false, "%s", c.text("cli.doctor.noengine"))
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

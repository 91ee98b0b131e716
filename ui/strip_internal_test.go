package ui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
)

func echo(key string, args ...any) string { // "key[1 2]"
	if len(args) == 0 {
		return key
	}
	return fmt.Sprintf("%s%v", key, args)
}

func TestStripShowsTheJobThatHasItsTurn(t *testing.T) {
	var m stripModel
	if r := m.row(echo); r.running || r.engine != "ui.engine.rests" {
		t.Errorf("an idle strip is %+v", r)
	}
	runner := job.NewRunner()
	release := make(chan struct{})
	told := make(chan struct{})
	first := runner.Start(t.Context(), job.Name{Key: "job.add", Note: "x.pdf"}, func(_ context.Context, p core.Progress) error {
		p.Report(core.Update{Stage: "read", Done: 1, Total: 4})
		close(told)
		<-release
		return nil
	}, nil)
	<-told
	second := runner.Start(t.Context(), job.Name{Key: "job.refresh"}, func(context.Context, core.Progress) error { return nil }, nil)
	m.jobs(runner.Running())
	r := m.row(echo)
	if !r.running || r.share != 0.25 || m.current() != first {
		t.Errorf("row is %+v", r)
	}
	for _, part := range []string{"job.add x.pdf", "stage.read", "ui.job.waiting[1]"} {
		if !strings.Contains(r.job, part) {
			t.Errorf("%q lacks %q", r.job, part)
		}
	}
	close(release)
	for _, j := range []*job.Job{first, second} {
		if err := j.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.jobs(runner.Running())
	if m.row(echo).running || m.current() != nil {
		t.Error("the strip goes on after the jobs")
	}
}

func TestStripEngine(t *testing.T) {
	var m stripModel
	st := app.EngineStatus{
		Running: true, Bytes: 900 << 20, Device: "Xeon", OnCPU: true, DeviceTotal: 24_000_000_000,
		Models: []app.EngineModel{{Name: "starter", DType: "fp32"}},
	}
	if !m.engine(st) {
		t.Error("the first status is no news")
	}
	text := m.row(echo).engine
	for _, part := range []string{"starter (fp32)", "Xeon", "943.7 MB", "24.00 GB"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
	st.Bytes += 1 << 20
	if m.engine(st) {
		t.Error("a megabyte is news")
	}
	st.OnCPU, st.DeviceTotal, st.DeviceFree, st.Device = false, 80_000_000_000, 70_000_000_000, "H100"
	if !m.engine(st) || !strings.Contains(m.row(echo).engine, "10.00 GB") {
		t.Errorf("on a GPU all that is taken counts: %q", m.row(echo).engine)
	}
}

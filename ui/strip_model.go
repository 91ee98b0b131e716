package ui

import (
	"reflect"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
)

// stripModel is what the strip says.
type stripModel struct {
	running []*job.Job
	holds   app.EngineStatus
}

// stripRow is the strip, ready to be shown.
type stripRow struct {
	engine  string
	running bool
	job     string
	share   float64
}

func (m *stripModel) jobs(running []*job.Job) { m.running = running }

// engine takes what the engine holds; it says whether that is news.
func (m *stripModel) engine(st app.EngineStatus) bool {
	const step = 10 << 20 // smaller changes of memory are no news
	same := m.holds
	if d := st.Bytes - same.Bytes; d > -step && d < step {
		same.Bytes = st.Bytes
	}
	same.DeviceFree = st.DeviceFree
	news := !reflect.DeepEqual(same, st)
	if news {
		m.holds = st
	}
	return news
}

// current is the job that has its turn: the oldest.
func (m *stripModel) current() *job.Job {
	if len(m.running) == 0 {
		return nil
	}
	return m.running[0]
}

func (m *stripModel) row(text func(string, ...any) string) stripRow {
	r := stripRow{engine: m.engineText(text)}
	j := m.current()
	if j == nil {
		return r
	}
	r.running = true
	st := j.State()
	parts := []string{text(j.Name.Key)}
	if j.Name.Note != "" {
		parts[0] += " " + j.Name.Note
	}
	if st.Stage != "" {
		parts = append(parts, text("stage."+st.Stage))
	}
	if st.Left > 0 {
		parts = append(parts, text("cli.left", amount.Clock(st.Left)))
	}
	if waiting := len(m.running) - 1; waiting > 0 {
		parts = append(parts, text("ui.job.waiting", waiting))
	}
	r.job = strings.Join(parts, " · ")
	if st.Total > 0 {
		r.share = min(1, max(0, float64(st.Done)/float64(st.Total)))
	}
	return r
}

// engineText says which models the engine holds, on what, and how much memory that takes.
func (m *stripModel) engineText(text func(string, ...any) string) string {
	if !m.holds.Running {
		return text("ui.engine.rests")
	}
	var names []string
	for _, model := range m.holds.Models {
		name := model.Name
		if model.DType != "" {
			name += " (" + model.DType + ")"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		names = []string{text("ui.engine.empty")}
	}
	parts := []string{strings.Join(names, ", "), m.holds.Device}
	if m.holds.DeviceTotal > 0 {
		parts = append(parts, text("ui.engine.memory", amount.Bytes(m.used()), amount.Bytes(m.holds.DeviceTotal)))
	}
	return strings.Join(parts, " · ")
}

// used is the memory of the device that the strip shows: on a GPU all that is taken, on a CPU what the engine takes.
func (m *stripModel) used() int64 {
	if m.holds.OnCPU {
		return m.holds.Bytes
	}
	return m.holds.DeviceTotal - m.holds.DeviceFree
}

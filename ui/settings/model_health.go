package settings

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core/closed"
	"kakoi/resources"
)

// measure finds out what the data takes on the disk.
func (m *model) measure() {
	m.host.Go(func(ctx context.Context) {
		p, err := m.doctor.Places(ctx)
		m.host.Post(func() {
			if err != nil {
				m.host.ShowError(err)
				return
			}
			m.places = &p
			m.changed()
		})
	})
}

// sizes says what the data takes.
func (m *model) sizes() string {
	if m.places == nil {
		return m.host.Text("settings.library.measuring")
	}
	p := m.places
	return m.host.Text("settings.library.sizes", amount.Bytes(p.Library), amount.Bytes(p.Models), amount.Bytes(p.Other), amount.Bytes(p.Free))
}

// checkLibrary reads every value of the library.
func (m *model) checkLibrary() {
	if m.check != nil {
		return
	}
	c := &checking{}
	m.check, m.health = c, nil
	m.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m.host.Post(func() { c.cancel = cancel })
		health, err := m.doctor.CheckLibrary(ctx, func(s job.State) {
			m.host.Post(func() {
				c.state = s
				m.changed()
			})
		})
		m.host.Post(func() {
			m.check = nil
			switch {
			case errors.Is(err, context.Canceled):
			case err != nil:
				m.host.ShowError(err)
			default:
				m.health = &health
			}
			m.changed()
		})
	})
	m.changed()
}

func (m *model) stopCheck() {
	if m.check != nil && m.check.cancel != nil {
		m.check.cancel()
	}
}

// found says what the last check found, and whether all is well.
func (m *model) found() (text string, well bool) {
	h := m.health
	if h == nil {
		return "", true
	}
	if h.Error != "" {
		return h.Error, false
	}
	lines := []string{m.host.Text("settings.library.well", h.Documents, h.Chunks)}
	if !h.OK {
		lines = []string{m.host.Text("settings.library.unwell", len(h.Problems))}
		for _, p := range h.Problems {
			lines = append(lines, p.Document+": "+p.Cause)
		}
		lines = append(lines, m.host.Text("settings.library.repair"))
	}
	if h.Unfinished > 0 {
		lines = append(lines, m.host.Text("settings.library.unfinished", h.Unfinished))
	}
	return strings.Join(lines, "\n"), h.OK
}

// askEngine asks the engine process how it was closed.
func (m *model) askEngine() {
	if m.asking {
		return
	}
	m.asking, m.engineErr = true, nil
	m.host.Go(func(ctx context.Context) {
		p, err := m.doctor.EngineProof(ctx)
		m.host.Post(func() {
			m.asking = false
			m.engineErr = err
			if err == nil {
				m.engine = &p
			}
			m.changed()
		})
	})
	m.changed()
}

// verdict says in a sentence how a process is closed, and whether it is.
func (m *model) verdict(program string, p closed.Proof) (text string, well bool) {
	when := p.When.Local().Format("2006-01-02 15:04:05")
	return m.host.Text("settings.closed.verdict", program, p.Refusals(), len(p.Attempts), when, p.Threads), app.Refused(p)
}

// attempts are the ways out that were tried, one a line.
func attempts(p closed.Proof) string {
	var lines []string
	for _, a := range p.Attempts {
		mark := "×"
		if !a.Refused {
			mark = "!"
		}
		lines = append(lines, fmt.Sprintf("%s  %-34s %s", mark, a.What, a.Error))
	}
	return strings.Join(lines, "\n")
}

// engineTrouble is why the engine could not be asked, "" when it could.
func (m *model) engineTrouble() string {
	if m.engineErr == nil {
		return ""
	}
	return resources.ErrorLine(m.host.Lang(), m.engineErr)
}

package settings

import (
	"context"
	"errors"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/resources"
)

// keeper is app.Backup.
type keeper interface {
	Save(ctx context.Context, path string, replace bool, listen func(job.State)) (app.BackupSummary, error)
	Look(ctx context.Context, path string, p core.Progress) (app.BackupSummary, error)
	Stage(ctx context.Context, path string, listen func(job.State)) (app.BackupSummary, error)
}

// past is app.Keep.
type past interface {
	Undoable() (app.Swap, bool, error)
	Waiting() (app.Swap, bool, error)
	Undo() error
	Forget() error
	AskRepair() error
}

// mender is app.Doctor.
type mender interface {
	PlanRepair(ctx context.Context, listen func(job.State)) (app.RepairPlan, error)
	Repair(ctx context.Context, opt app.AddOptions) (app.Repaired, error)
}

// keeping is what the group of backups does and did. The zero value does nothing.
type keeping struct {
	running *checking // nil: nothing runs
	said    string    // of the last one
	well    bool
}

// run does something long, shows its progress and what it came to.
func (m *model) run(work func(ctx context.Context, listen func(job.State)) (string, error), then func()) {
	m.runOr(work, then, nil)
}

// runOr is run, where failed hears of an error that is told already; nil is allowed.
func (m *model) runOr(work func(ctx context.Context, listen func(job.State)) (string, error), then func(), failed func(err error)) {
	if m.keeping.running != nil {
		return
	}
	c := &checking{}
	m.keeping = keeping{running: c}
	m.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m.host.Post(func() { c.cancel = cancel })
		said, err := work(ctx, func(s job.State) {
			m.host.Post(func() {
				c.state = s
				m.changed()
			})
		})
		m.host.Post(func() {
			m.keeping = keeping{said: said, well: err == nil}
			switch {
			case errors.Is(err, errTold): // it is said
			case errors.Is(err, context.Canceled):
				m.keeping.said = m.host.Text("settings.backup.stopped")
			case err != nil:
				m.keeping.said = resources.ErrorLine(m.host.Lang(), err)
				if failed != nil {
					failed(err)
				}
			case then != nil:
				then()
			}
			m.measure()
			m.changed()
		})
	})
	m.changed()
}

// errTold is of something that did not go well, as what is said says.
var errTold = errors.New("said: not well")

// keepingSays is what the last one came to, or how far the one that runs is and how long it will take, or what it waits for.
func (m *model) keepingSays() string {
	r := m.keeping.running
	switch {
	case r == nil:
		return m.keeping.said
	case r.state.Behind.Key != "":
		first := r.state.Behind
		return m.host.Text("stage.wait.for", strings.TrimSpace(m.host.Text(first.Key)+" "+first.Note))
	}
	var parts []string
	if r.state.Stage != "" {
		parts = append(parts, m.host.Text("stage."+r.state.Stage))
	}
	if r.state.Left > 0 {
		parts = append(parts, m.host.Text("cli.left", amount.Clock(r.state.Left)))
	}
	return strings.Join(parts, " · ")
}

func (m *model) stopKeeping() {
	if r := m.keeping.running; r != nil && r.cancel != nil {
		r.cancel()
	}
}

// backupName is the proposal for a backup's name.
func backupName(now time.Time) string { return "kakoi-" + now.Format("2006-01-02") + ".kakoi-backup" }

// saveBackup writes a backup; the chooser has asked before it gives a name that exists.
func (m *model) saveBackup(path string) {
	m.run(func(ctx context.Context, listen func(job.State)) (string, error) {
		s, err := m.keeper.Save(ctx, path, true, listen)
		return m.host.Text("settings.backup.done", s.File, amount.Bytes(s.Bytes), s.Documents, s.Conversations), err
	}, nil)
}

// look reads a backup and asks with what is in it. pass is nil, or opens one of another library; wanted hears that such a one is wanted, and what was
// wrong with the last.
func (m *model) look(path string, pass []byte, ask func(text string), wanted func(problem string)) {
	m.runOr(func(ctx context.Context, listen func(job.State)) (string, error) {
		s, err := m.with(pass).Look(ctx, path, func(u core.Update) { listen(job.State{Update: u}) })
		return m.host.Text("cli.restore.found", s.Made.Local().Format("2006-01-02 15:04"), s.Documents, s.Conversations, s.Datasets, s.Adapters), err
	}, func() { ask(m.keeping.said + "\n\n" + m.host.Text("settings.restore.ask")) }, func(err error) {
		if errors.Is(err, vault.ErrPassphrase) || errors.Is(err, core.ErrEncrypted) {
			wanted(m.keeping.said)
		}
	})
}

// with is the keeper that reads what a passphrase opens.
func (m *model) with(pass []byte) keeper {
	if len(pass) == 0 || m.keyed == nil {
		return m.keeper
	}
	return m.keyed(pass)
}

// restore stages a backup, which pass opens where it is not nil; the next start takes it.
func (m *model) restore(path string, pass []byte, restart func()) {
	m.run(func(ctx context.Context, listen func(job.State)) (string, error) {
		defer clear(pass)
		_, err := m.with(pass).Stage(ctx, path, listen)
		return m.host.Text("settings.restore.waits"), err
	}, restart)
}

// undo brings back what was there before the last restore or repair, at the next start.
func (m *model) undo(restart func()) {
	if err := m.past.Undo(); err != nil {
		m.host.ShowError(err)
		return
	}
	restart()
}

// forget deletes what is kept.
func (m *model) forget() {
	if err := m.past.Forget(); err != nil {
		m.host.ShowError(err)
		return
	}
	m.keeping = keeping{said: m.host.Text("cli.restore.forgotten"), well: true}
	m.measure()
	m.changed()
}

// keeps says what is kept, "" when nothing is.
func (m *model) keeps() string {
	s, there, err := m.past.Undoable()
	if err != nil || !there {
		return ""
	}
	return m.host.Text("settings.backup.kept", s.When.Local().Format("2006-01-02 15:04"))
}

// waits says whether a restore waits for the next start.
func (m *model) waits() bool {
	_, waits, err := m.past.Waiting()
	return err == nil && waits
}

// planRepair says what a repair would do, and asks.
func (m *model) planRepair(ask func(text string, files bool)) {
	var plan app.RepairPlan
	m.run(func(ctx context.Context, listen func(job.State)) (said string, err error) {
		plan, err = m.mender.PlanRepair(ctx, listen)
		return m.planText(plan), err
	}, func() {
		switch {
		case plan.Nothing():
			m.keeping.said = m.host.Text("cli.repair.nothing")
		default:
			ask(m.keeping.said, plan.Files)
		}
	})
}

// planText is a plan in lines: the first documents by name, the rest counted.
func (m *model) planText(p app.RepairPlan) string {
	const most = 8
	var lines []string
	if p.Files {
		lines = append(lines, m.host.Text("cli.repair.files_how"))
	}
	for i, a := range p.Documents {
		if i == most {
			lines = append(lines, m.host.Text("settings.repair.more", len(p.Documents)-most))
			break
		}
		switch {
		case a.From == app.FromFile:
			lines = append(lines, m.host.Text("cli.repair.from_file", a.Name, a.Source))
		case a.From == app.FromNone:
			lines = append(lines, m.host.Text("cli.repair.lost", a.Name, a.Source))
		case a.LostPages == 0:
			lines = append(lines, m.host.Text("cli.repair.from_all_pages", a.Name, a.Pages))
		default:
			lines = append(lines, m.host.Text("cli.repair.from_pages", a.Name, a.Pages, a.LostPages))
		}
	}
	if p.Nameless > 0 {
		lines = append(lines, m.host.Text("cli.repair.nameless", p.Nameless))
	}
	if n := len(p.Restored) + len(p.Collections) + len(p.Records) + len(p.Others); n > 0 {
		lines = append(lines, m.host.Text("settings.repair.others", n))
	}
	return strings.Join(lines, "\n")
}

// repair puts the library right while it is open.
func (m *model) repair() {
	m.run(func(ctx context.Context, listen func(job.State)) (string, error) {
		done, err := m.mender.Repair(ctx, app.AddOptions{Listen: listen, Explain: func(err error) (string, string) { return resources.ErrorText(m.host.Lang(), err) }})
		lines := []string{m.host.Text("cli.repair.done", done.Read.Updated+done.Read.Added, len(done.Documents))}
		for _, f := range done.Read.Failed {
			lines = append(lines, f.Reason)
		}
		return strings.Join(append(lines, done.Left...), "\n"), err
	}, func() { m.health = nil })
}

// repairFiles lets the next start repair the files, which cannot be done while they are open.
func (m *model) repairFiles(restart func()) {
	if err := m.past.AskRepair(); err != nil {
		m.host.ShowError(err)
		return
	}
	restart()
}

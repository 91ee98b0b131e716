package settings

import (
	"context"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/resources"
)

// daily is app.Backups.
type daily interface {
	Status(ctx context.Context) (app.BackupsStatus, error)
	Make(ctx context.Context, listen func(job.State)) (app.KeptBackup, error)
	Prove(ctx context.Context, path string, listen func(job.State)) (app.KeptBackup, error)
	Delete(ctx context.Context, path string) error
}

// listKept looks how the daily backups stand.
func (m *model) listKept() {
	m.host.Go(func(ctx context.Context) {
		st, err := m.daily.Status(ctx)
		m.host.Post(func() {
			m.kept, m.keptErr = &st, err
			m.changed()
		})
	})
}

// backupNow makes a backup in the folder of daily ones and proves it.
func (m *model) backupNow() { m.keptRun(m.daily.Make) }

// prove restores a backup beside the library and looks at what came of it.
func (m *model) prove(path string) {
	m.keptRun(func(ctx context.Context, listen func(job.State)) (app.KeptBackup, error) {
		return m.daily.Prove(ctx, path, listen)
	})
}

// deleteKept deletes a daily backup; a person has said so.
func (m *model) deleteKept(path string) {
	m.run(func(ctx context.Context, _ func(job.State)) (string, error) {
		return m.host.Text("settings.daily.deleted", path), m.daily.Delete(ctx, path)
	}, m.listKept)
}

func (m *model) keptRun(work func(ctx context.Context, listen func(job.State)) (app.KeptBackup, error)) {
	m.run(func(ctx context.Context, listen func(job.State)) (string, error) {
		k, err := work(ctx, listen)
		if err == nil && k.Problem != "" {
			return m.host.Text("settings.daily.bad", k.File, m.host.Text(k.Problem)), errTold
		}
		return m.host.Text("settings.daily.done", k.File, amount.Bytes(k.Bytes), k.Documents), err
	}, nil)
}

// keptLine is a daily backup in a line, and whether it is of use as far as is known.
func (m *model) keptLine(k app.KeptBackup) (text string, well bool) {
	parts := []string{k.Made.Local().Format("2006-01-02 15:04"), amount.Bytes(k.Bytes)}
	switch {
	case k.Problem != "":
		return strings.Join(append(parts, m.host.Text(k.Problem)), "  ·  "), false
	case k.Proved.IsZero():
		parts = append(parts, m.host.Text("settings.daily.unproved"))
	default:
		parts = append(parts, m.host.Text("settings.daily.proved", k.Proved.Local().Format("2006-01-02 15:04"), k.Documents))
	}
	return strings.Join(parts, "  ·  "), true
}

// dailySays is what there is to know of the daily backups, and whether all is well.
func (m *model) dailySays() (text string, well bool) {
	t := m.host.Text
	switch {
	case m.keptErr != nil:
		return resources.ErrorLine(m.host.Lang(), m.keptErr), false
	case m.kept == nil:
		return "", true
	}
	lines, well := []string{m.kept.Folder}, true
	if m.kept.Inside {
		lines = append(lines, t("settings.daily.inside"))
	}
	if m.kept.Problem != "" {
		lines, well = append(lines, t(m.kept.Problem)), false
	}
	if m.kept.Daily && !m.kept.Next.IsZero() {
		lines = append(lines, t("settings.daily.next", m.kept.Next.Local().Format("2006-01-02 15:04")))
	}
	return strings.Join(lines, "\n"), well
}

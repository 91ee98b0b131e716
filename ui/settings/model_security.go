package settings

import (
	"context"

	"kakoi/resources"
)

// Passphrase is what keeps the library: ui.Vault.
type Passphrase interface {
	Protected() bool
	Change(ctx context.Context, old, pass []byte) error
	HasRecovery() bool
	AddRecovery(ctx context.Context, pass []byte) (code string, err error)
	RemoveRecovery(ctx context.Context, pass []byte) error
	Strength(pass []byte) string
	Loses() (undo bool, backups int, err error)
}

// loses says what an encryption deletes, for it stands in the open.
func (m *model) loses() (lines []string) {
	undo, backups, err := m.vault.Loses()
	if err != nil {
		return nil // told when it is done
	}
	if undo {
		lines = append(lines, m.host.Text("settings.security.loses.undo"))
	}
	if backups > 0 {
		lines = append(lines, m.host.Text("settings.security.loses.backups", backups))
	}
	return lines
}

// leastPassphrase is how many characters a passphrase has at least.
const leastPassphrase = 8

// protection is what a person can know about how the library is kept.
func (m *model) protection() string {
	switch {
	case !m.vault.Protected():
		return m.host.Text("settings.security.open")
	case m.vault.HasRecovery():
		return resources.WithHint(m.host.Text("settings.security.kept"), m.host.Text("settings.security.coded"))
	}
	return m.host.Text("settings.security.kept")
}

// ask does what takes a passphrase, beside the window, and tells done what was wrong, "" for nothing. then follows when all was well.
func (m *model) ask(work func(ctx context.Context) error, done func(problem string), then func()) {
	m.host.Go(func(ctx context.Context) {
		err := work(ctx)
		m.host.Post(func() {
			if err != nil {
				done(resources.ErrorLine(m.host.Lang(), err))
				return
			}
			done("")
			then()
			m.changed()
		})
	})
}

// protected and unprotected hear how an encryption or a decryption of the library ended.
func (m *model) protected(err error) { m.moved(err, "settings.security.set.done") }

func (m *model) unprotected(err error) { m.moved(err, "settings.security.remove.done") }

func (m *model) moved(err error, key string) {
	if err != nil {
		m.host.ShowError(err) // a person's cancel is none
		return
	}
	m.host.Toast(m.host.Text(key))
}

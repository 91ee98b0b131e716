package lock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/resources"
)

// desk is a host on which everything happens at once. A count of seconds is not begun: it would wait for the clock.
type desk struct {
	lang   string
	counts int
	trying bool
}

func (d *desk) Text(key string, args ...any) string { return resources.Format(d.lang, key, args...) }
func (d *desk) Lang() string                        { return d.lang }
func (d *desk) Post(f func())                       { f() }
func (d *desk) Go(work func(ctx context.Context)) {
	if !d.trying {
		d.counts++
		return
	}
	d.trying = false
	work(context.Background())
}

// door opens with one passphrase.
type door struct {
	right string
	err   error
	tried []string
}

func (d *door) open(_ context.Context, pass []byte) error {
	d.tried = append(d.tried, string(pass))
	switch {
	case d.err != nil:
		return d.err
	case string(pass) != d.right:
		return core.Explain(fmt.Errorf("open: %w", vault.ErrPassphrase), "error.vault.passphrase")
	}
	return nil
}

func newDesk(lang string) (*model, *desk, *door, *int) {
	d, o, opened := &desk{lang: lang}, &door{right: "seven grey cats"}, 0
	m := &model{host: d, open: o.open, changed: func() {}, refused: func() {}, opened: func() { opened++ }}
	now := time.Unix(1000, 0)
	m.now = func() time.Time { return now }
	return m, d, o, &opened
}

// try types a passphrase and gives the bytes that were handed over.
func try(m *model, d *desk, pass string) []byte {
	d.trying = true
	raw := []byte(pass)
	m.try(raw)
	d.trying = false
	return raw
}

// Wrong passphrases are told calmly; from the third in a row on each costs a wait, which grows to half a minute and ends with the right one.
func TestWrongPassphrasesWait(t *testing.T) {
	m, d, o, opened := newDesk("en")
	clock := m.now()
	m.now = func() time.Time { return clock }
	for i, want := range []int{0, 0, 2, 4, 8, 16, 30, 30} {
		raw := try(m, d, fmt.Sprint("wrong ", i))
		for _, b := range raw {
			if b != 0 {
				t.Fatalf("attempt %d leaves %q in memory", i, raw)
			}
		}
		if got := m.waits(); got != want {
			t.Errorf("after %d wrong passphrases the wait is %d s, want %d", i+1, got, want)
		}
		if text, bad := m.says(); !bad || !strings.Contains(text, "not the passphrase") && !strings.Contains(text, "passphrase") {
			t.Errorf("after a wrong passphrase it says %q (%v)", text, bad)
		}
		before := len(o.tried)
		if want > 0 {
			try(m, d, o.right)
			if len(o.tried) != before || m.ready() {
				t.Errorf("a passphrase is tried during the wait")
			}
		}
		clock = clock.Add(time.Duration(want) * time.Second)
	}
	if d.counts != 6 {
		t.Errorf("%d of 6 waits are counted down", d.counts)
	}
	if try(m, d, o.right); *opened != 1 || m.wrong != 0 || m.failed != nil {
		t.Errorf("opened %d times after the right one, %d wrong", *opened, m.wrong)
	}
}

// What is not the passphrase's fault costs no wait, and an empty field is no attempt.
func TestOtherFailuresDoNotWait(t *testing.T) {
	m, d, o, opened := newDesk("ja")
	if try(m, d, ""); len(o.tried) != 0 {
		t.Error("an empty passphrase is tried")
	}
	o.err = core.Explain(errors.New("disk"), "error.backup.full")
	for range 5 {
		try(m, d, "x")
	}
	want, _ := resources.ErrorText("ja", o.err)
	if text, bad := m.says(); m.wrong != 0 || m.waits() != 0 || !bad || !strings.HasPrefix(text, want) {
		t.Errorf("a full disk: %d wrong, says %q", m.wrong, text)
	}
	o.err = context.Canceled
	if try(m, d, "x"); m.wrong != 0 || *opened != 0 {
		t.Error("a window that ends counts as wrong")
	}
}

// Caps lock, work behind the lock and the end of the window are said, the more urgent first.
func TestSays(t *testing.T) {
	for _, lang := range resources.Languages {
		m, _, _, _ := newDesk(lang)
		said := func() string { text, _ := m.says(); return text }
		if said() != "" {
			t.Errorf("%s: says %q with nothing to say", lang, said())
		}
		m.behind = true
		behind := said()
		m.caps = true
		caps := said()
		m.ending = "bye"
		if behind == "" || caps == "" || behind == caps || said() != "bye" || m.ready() {
			t.Errorf("%s: %q, %q, %q", lang, behind, caps, said())
		}
	}
}

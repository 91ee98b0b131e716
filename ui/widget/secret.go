package widget

import (
	"image/color"
	"time"

	"fyne.io/fyne/v2/canvas"
)

// SecretKeys is what a Secret asks of the display; nil members are not asked.
type SecretKeys struct {
	Plain    func(on bool) // keys go past the input method while on
	CapsLock func() bool   // the keyboard's caps lock is on
}

// capsEvery is how often the caps lock is looked at while a Secret has the keyboard.
const capsEvery = 150 * time.Millisecond

// Secret is a field for a passphrase. What is typed does not show and cannot be copied until Reveal; keys go past the input method
// while it has the keyboard, so that none learns the passphrase.
type Secret struct {
	Entry
	keys    SecretKeys
	post    func(func())
	stop    chan struct{} // ends the look at the caps lock; nil: none
	caps    bool
	OnCaps  func(on bool) // the caps lock is on, or off again. May be nil
	focused bool
}

// NewSecret makes an empty Secret. post runs a function on the window's goroutine.
func NewSecret(keys SecretKeys, post func(func())) *Secret {
	s := &Secret{keys: keys, post: post}
	s.Password = true
	s.ExtendBaseWidget(s)
	s.ActionItem = canvas.NewRectangle(color.Transparent) // Fyne's own eye cannot be reached by the keyboard
	return s
}

// Reveal shows what is typed, or hides it.
func (s *Secret) Reveal(on bool) {
	s.Password = !on
	s.Refresh()
}

// Take gives what was typed and empties the field, which then forgets it (the copies that the toolkit made stay until its memory is
// used again).
func (s *Secret) Take() []byte {
	secret := []byte(s.Text)
	s.Clear()
	return secret
}

// Clear empties the field, its way back (Ctrl+Z) too.
func (s *Secret) Clear() {
	keep := s.OnChanged
	s.OnChanged = nil
	s.SetText("")
	s.OnChanged = keep
}

// FocusGained is fyne.Focusable.
func (s *Secret) FocusGained() {
	s.Entry.FocusGained()
	if s.focused {
		return
	}
	s.focused = true
	if s.keys.Plain != nil {
		s.keys.Plain(true)
	}
	if s.keys.CapsLock == nil {
		return
	}
	s.look()
	stop := make(chan struct{})
	s.stop = stop
	go func() {
		tick := time.NewTicker(capsEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				s.post(func() {
					if s.stop == stop {
						s.look()
					}
				})
			}
		}
	}()
}

// FocusLost is fyne.Focusable.
func (s *Secret) FocusLost() {
	s.Entry.FocusLost()
	s.Leave()
}

// Leave gives the keys back to the input method. A window that takes the field away calls it, for the field does not hear of that.
func (s *Secret) Leave() {
	if !s.focused {
		return
	}
	s.focused = false
	if s.keys.Plain != nil {
		s.keys.Plain(false)
	}
	if s.stop != nil {
		close(s.stop)
		s.stop = nil
	}
	s.say(false)
}

func (s *Secret) look() { s.say(s.keys.CapsLock()) }

func (s *Secret) say(on bool) {
	if on != s.caps {
		s.caps = on
		if s.OnCaps != nil {
			s.OnCaps(on)
		}
	}
}

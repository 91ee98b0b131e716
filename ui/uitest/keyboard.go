package uitest

import (
	"fmt"
	"strings"
	"time"

	"github.com/jezek/xgb/xproto"
)

// Names of keys that are no characters, as keysyms.
var keysyms = map[string]xproto.Keysym{
	"Return": 0xff0d, "Escape": 0xff1b, "Tab": 0xff09, "BackSpace": 0xff08, "Delete": 0xffff, "Home": 0xff50, "End": 0xff57,
	"Left": 0xff51, "Up": 0xff52, "Right": 0xff53, "Down": 0xff54, "Prior": 0xff55, "Next": 0xff56, "space": 0x20,
	"F1": 0xffbe, "F2": 0xffbf, "ctrl": 0xffe3, "shift": 0xffe1, "alt": 0xffe9,
}

const (
	keyPause  = 12 * time.Millisecond  // between two keys: as a quick typist, and a frame of the window
	bindPause = 300 * time.Millisecond // until every program has heard of new keys
)

// readKeyboard finds the keys of the layout and those that are free.
func (d *Desktop) readKeyboard() error {
	setup := xproto.Setup(d.c)
	first, last := setup.MinKeycode, setup.MaxKeycode
	m, err := xproto.GetKeyboardMapping(d.c, first, byte(last-first+1)).Reply()
	if err != nil {
		return fmt.Errorf("read the keyboard: %w", err)
	}
	d.syms = int(m.KeysymsPerKeycode)
	d.names, d.typing = map[string]xproto.Keycode{}, map[xproto.Keysym]xproto.Keycode{}
	for i := 0; i+d.syms <= len(m.Keysyms); i += d.syms {
		code := xproto.Keycode(int(first) + i/d.syms)
		free := true
		for _, sym := range m.Keysyms[i : i+d.syms] {
			free = free && (sym == 0 || sym >= 0x1008fe00) // none, or a button for music and the like
		}
		if free {
			d.spare = append(d.spare, code)
			continue
		}
		sym := m.Keysyms[i]
		for name, s := range keysyms {
			if _, seen := d.names[name]; s == sym && !seen {
				d.names[name] = code
			}
		}
		if sym > 0x20 && sym < 0x7f {
			d.names[string(rune(sym))] = code
		}
	}
	return nil
}

// Keys presses keys one after the other: "Return", "ctrl+k", "alt+2", "ctrl+shift+w".
func (d *Desktop) Keys(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		parts := strings.Split(k, "+")
		var codes []byte
		for _, p := range parts {
			code, ok := d.names[p]
			if !ok {
				d.t.Fatalf("no key %q on this keyboard", p)
			}
			codes = append(codes, byte(code))
		}
		for _, c := range codes {
			d.fake(xproto.KeyPress, c)
			time.Sleep(keyPause)
		}
		for i := len(codes) - 1; i >= 0; i-- {
			d.fake(xproto.KeyRelease, codes[i])
			time.Sleep(keyPause)
		}
		time.Sleep(2 * keyPause)
	}
}

// Type types a text of any script: each of its characters gets a key of its own that the layout leaves free, unless it has one, all of
// them at once, so that no program sees the keyboard change while keys are on their way.
func (d *Desktop) Type(text string) {
	d.t.Helper()
	var wanted []xproto.Keysym
	missing := map[xproto.Keysym]bool{}
	for _, r := range text {
		sym := keysym(r)
		if _, ok := d.names[string(r)]; ok {
			continue
		}
		if _, ok := d.typing[sym]; !ok && !missing[sym] {
			missing[sym] = true
			wanted = append(wanted, sym)
		}
	}
	if len(wanted) > 0 {
		d.bind(wanted, text)
	}
	for _, r := range text {
		code := byte(d.names[string(r)])
		if code == 0 {
			code = byte(d.typing[keysym(r)])
		}
		d.fake(xproto.KeyPress, code)
		time.Sleep(keyPause)
		d.fake(xproto.KeyRelease, code)
		time.Sleep(keyPause)
	}
}

// bind gives characters keys.
func (d *Desktop) bind(wanted []xproto.Keysym, text string) {
	d.t.Helper()
	if len(d.typing)+len(wanted) > len(d.spare) { // begin anew with this text's
		clear(d.typing)
		seen := map[xproto.Keysym]bool{}
		wanted = nil
		for _, r := range text {
			if sym := keysym(r); !seen[sym] && d.names[string(r)] == 0 {
				seen[sym] = true
				wanted = append(wanted, sym)
			}
		}
	}
	if len(wanted) > len(d.spare) {
		d.t.Fatalf("%d characters for %d free keys; type it in parts", len(wanted), len(d.spare))
	}
	used := map[xproto.Keycode]bool{}
	for _, code := range d.typing {
		used[code] = true
	}
	next := 0
	for _, sym := range wanted {
		for used[d.spare[next]] {
			next++
		}
		code := d.spare[next]
		used[code] = true
		syms := make([]xproto.Keysym, d.syms)
		for i := range syms {
			syms[i] = sym
		}
		if err := xproto.ChangeKeyboardMappingChecked(d.c, 1, code, byte(d.syms), syms).Check(); err != nil {
			d.t.Fatalf("bind a key: %v", err)
		}
		d.typing[sym] = code
	}
	time.Sleep(bindPause)
}

// keysym is the one of a character.
func keysym(r rune) xproto.Keysym {
	if r < 0x100 {
		return xproto.Keysym(r)
	}
	return xproto.Keysym(r) | 0x01000000
}

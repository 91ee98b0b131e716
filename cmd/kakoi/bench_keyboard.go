package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"kakoi/core"
)

// keyPause lies between two moves of a key: a quick typist has ten letters a second.
const keyPause = 40 * time.Millisecond

// keyboard types into the window of a process, through the display (the XTEST extension): the same way that a person's keys take.
type keyboard struct {
	conn *xgb.Conn
	root xproto.Window
	keys map[xproto.Keysym]stroke
}

// stroke is how a character is typed.
type stroke struct {
	code  xproto.Keycode
	shift bool
}

// move is a key that goes down or up.
type move struct {
	kind byte
	code xproto.Keycode
}

const (
	symReturn = 0xff0d
	symShift  = 0xffe1
)

// openKeyboard gives the keyboard to the window of a process.
func openKeyboard(pid int) (k *keyboard, err error) {
	xgb.Logger.SetOutput(io.Discard) // it complains of displays without a password
	conn, err := xgb.NewConnDisplay(os.Getenv("DISPLAY"))
	if err != nil {
		return nil, fmt.Errorf("connect to the display: %w", err)
	}
	k = &keyboard{conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root, keys: map[xproto.Keysym]stroke{}}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if err := xtest.Init(conn); err != nil {
		return nil, fmt.Errorf("extension XTEST: %w", err)
	}
	if err := k.learn(); err != nil {
		return nil, err
	}
	atom, err := xproto.InternAtom(conn, false, uint16(len("_NET_WM_PID")), "_NET_WM_PID").Reply()
	if err != nil {
		return nil, fmt.Errorf("ask the display: %w", err)
	}
	window := k.find(k.root, atom.Atom, uint32(pid), 4)
	if window == 0 {
		return nil, fmt.Errorf("window of process %d: %w", pid, core.ErrNotFound)
	}
	// A window manager may have given it already, or refuse; then the questions do not arrive, which is told.
	if err := xproto.SetInputFocusChecked(conn, xproto.InputFocusParent, window, xproto.TimeCurrentTime).Check(); err != nil {
		return nil, fmt.Errorf("focus the window: %w", err)
	}
	return k, nil
}

func (k *keyboard) close() { k.conn.Close() }

// learn finds the keys of the layout.
func (k *keyboard) learn() error {
	setup := xproto.Setup(k.conn)
	m, err := xproto.GetKeyboardMapping(k.conn, setup.MinKeycode, byte(setup.MaxKeycode-setup.MinKeycode+1)).Reply()
	if err != nil {
		return fmt.Errorf("read the keyboard: %w", err)
	}
	each := int(m.KeysymsPerKeycode)
	for i := 0; i+each <= len(m.Keysyms); i += each {
		for level, sym := range m.Keysyms[i : i+min(each, 2)] {
			if _, known := k.keys[sym]; !known && sym != 0 {
				k.keys[sym] = stroke{xproto.Keycode(int(setup.MinKeycode) + i/each), level == 1}
			}
		}
	}
	return nil
}

// find looks for a window of a process below another one; window managers put frames between.
func (k *keyboard) find(below xproto.Window, atom xproto.Atom, pid uint32, depth int) xproto.Window {
	if p, err := xproto.GetProperty(k.conn, false, below, atom, xproto.AtomCardinal, 0, 1).Reply(); err == nil && len(p.Value) == 4 && xgb.Get32(p.Value) == pid {
		if a, err := xproto.GetWindowAttributes(k.conn, below).Reply(); err == nil && a.MapState == xproto.MapStateViewable {
			return below
		}
	}
	if depth == 0 {
		return 0
	}
	tree, err := xproto.QueryTree(k.conn, below).Reply()
	if err != nil {
		return 0
	}
	for _, w := range tree.Children {
		if found := k.find(w, atom, pid, depth-1); found != 0 {
			return found
		}
	}
	return 0
}

// write types a text of ASCII; a newline is Return.
func (k *keyboard) write(ctx context.Context, text string) error {
	for _, r := range text {
		sym := xproto.Keysym(r) // of ASCII a keysym is the character
		if r == '\n' {
			sym = symReturn
		}
		s, ok := k.keys[sym]
		if !ok {
			return fmt.Errorf("type %q: no such key: %w", r, core.ErrUnsupported)
		}
		moves := []move{{xproto.KeyPress, s.code}, {xproto.KeyRelease, s.code}}
		if s.shift {
			shift := k.keys[symShift].code
			moves = []move{{xproto.KeyPress, shift}, moves[0], moves[1], {xproto.KeyRelease, shift}}
		}
		for _, m := range moves {
			if err := xtest.FakeInputChecked(k.conn, m.kind, byte(m.code), 0, k.root, 0, 0, 0).Check(); err != nil {
				return fmt.Errorf("type %q: %w", r, err)
			}
			if !pause(ctx, keyPause) {
				return ctx.Err()
			}
		}
	}
	return nil
}

package uitest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// The screen. A window without a window manager stands in its upper left corner.
const (
	Width  = 1280
	Height = 800
)

// Desktop is a screen of its own.
type Desktop struct {
	t       testing.TB
	Display string // ":N"
	c       *xgb.Conn
	root    xproto.Window
	spare   []xproto.Keycode // keycodes that no text needs
	syms    int              // keysyms of a keycode
	names   map[string]xproto.Keycode
	typing  map[xproto.Keysym]xproto.Keycode
}

// Start starts a screen; it ends with the test. It needs Xvfb, which set-up installs.
func Start(t testing.TB) *Desktop {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", Width, Height), "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start Xvfb: %v", err)
	}
	write.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		read.Close()
	})
	if err := read.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb names no display: %v", err)
	}
	d := &Desktop{t: t, Display: ":" + strings.TrimSpace(line)}
	xgb.Logger.SetOutput(io.Discard) // it complains of screens without a password
	if d.c, err = xgb.NewConnDisplay(d.Display); err != nil {
		t.Fatalf("connect to %s: %v", d.Display, err)
	}
	t.Cleanup(d.c.Close)
	if err := xtest.Init(d.c); err != nil {
		t.Fatalf("XTEST: %v", err)
	}
	d.root = xproto.Setup(d.c).DefaultScreen(d.c).Root
	if err := d.readKeyboard(); err != nil {
		t.Fatal(err)
	}
	return d
}

// Env is the environment for a program on this screen.
func (d *Desktop) Env(more ...string) []string {
	env := append(os.Environ(), "DISPLAY="+d.Display, "XMODIFIERS=@im=none", "LIBGL_ALWAYS_SOFTWARE=1")
	return append(env, more...)
}

// Window waits until a visible window of the title is there and gives its id.
func (d *Desktop) Window(title string, within time.Duration) int {
	d.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if w := d.find(title); w != 0 {
			return int(w)
		}
	}
	d.t.Fatalf("no window %q within %v", title, within)
	return 0
}

// Windows counts the visible windows of a title.
func (d *Desktop) Windows(title string) int {
	n := 0
	for _, w := range d.windows() {
		if d.title(w) == title {
			n++
		}
	}
	return n
}

func (d *Desktop) find(title string) xproto.Window {
	for _, w := range d.windows() {
		if d.title(w) == title {
			return w
		}
	}
	return 0
}

// windows are the visible ones; without a window manager they are all children of the root.
func (d *Desktop) windows() []xproto.Window {
	tree, err := xproto.QueryTree(d.c, d.root).Reply()
	if err != nil {
		return nil
	}
	var out []xproto.Window
	for _, w := range tree.Children {
		if a, err := xproto.GetWindowAttributes(d.c, w).Reply(); err == nil && a.MapState == xproto.MapStateViewable {
			out = append(out, w)
		}
	}
	return out
}

func (d *Desktop) title(w xproto.Window) string {
	p, err := xproto.GetProperty(d.c, false, w, xproto.AtomWmName, xproto.AtomAny, 0, 256).Reply()
	if err != nil {
		return ""
	}
	return string(p.Value)
}

// Focus gives the keyboard to a window; a screen without a window manager does not do it by itself.
func (d *Desktop) Focus(window int) {
	d.t.Helper()
	if err := xproto.SetInputFocusChecked(d.c, xproto.InputFocusParent, xproto.Window(window), xproto.TimeCurrentTime).Check(); err != nil {
		d.t.Fatalf("focus: %v", err)
	}
}

// Click presses the first mouse button at a point of the screen, as soon as the pointer is there: quicker than any hand, and no click of
// a person on a busy machine is quicker than that for the window.
func (d *Desktop) Click(x, y int) {
	d.t.Helper()
	d.Point(x, y)
	d.fake(xproto.ButtonPress, 1)
	time.Sleep(20 * time.Millisecond)
	d.fake(xproto.ButtonRelease, 1)
}

// Point moves the pointer.
func (d *Desktop) Point(x, y int) {
	d.t.Helper()
	if err := xproto.WarpPointerChecked(d.c, 0, d.root, 0, 0, 0, 0, int16(x), int16(y)).Check(); err != nil {
		d.t.Fatalf("move the pointer: %v", err)
	}
}

func (d *Desktop) fake(kind byte, detail byte) {
	d.t.Helper()
	if err := xtest.FakeInputChecked(d.c, kind, detail, 0, d.root, 0, 0, 0).Check(); err != nil {
		d.t.Fatalf("XTEST: %v", err)
	}
}

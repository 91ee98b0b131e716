package uitest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Desktop is a screen of its own.
type Desktop struct {
	t       testing.TB
	Display string // ":N"
}

// Start starts a screen of 1280 x 800; it ends with the test. It needs Xvfb, xdotool and ImageMagick, which set-up installs.
func Start(t testing.TB) *Desktop {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset")
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
	return &Desktop{t, ":" + strings.TrimSpace(line)}
}

// Env is the environment for a program on this screen.
func (d *Desktop) Env(more ...string) []string {
	env := append(os.Environ(), "DISPLAY="+d.Display, "XMODIFIERS=@im=none", "LIBGL_ALWAYS_SOFTWARE=1")
	return append(env, more...)
}

func (d *Desktop) run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = d.Env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", name, args, err, errs.String())
	}
	return out.String(), nil
}

// Window waits until a visible window of the title is there and gives its id.
func (d *Desktop) Window(title string, within time.Duration) int {
	d.t.Helper()
	var last error
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		out, err := d.run("xdotool", "search", "--onlyvisible", "--name", "^"+title+"$")
		if err == nil {
			if id, err := strconv.Atoi(strings.Fields(out)[0]); err == nil {
				return id
			}
		}
		last = err
	}
	d.t.Fatalf("no window %q within %v: %v", title, within, last)
	return 0
}

// Focus gives the keyboard to a window; a screen without a window manager does not do it by itself.
func (d *Desktop) Focus(window int) {
	d.t.Helper()
	d.must("xdotool", "windowfocus", "--sync", strconv.Itoa(window))
}

// Keys presses keys one after the other, in xdotool's names: "Return", "ctrl+k", "alt+2".
func (d *Desktop) Keys(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		d.must("xdotool", "key", "--clearmodifiers", k)
		time.Sleep(60 * time.Millisecond)
	}
}

// Type types a text, Japanese too.
func (d *Desktop) Type(text string) {
	d.t.Helper()
	d.must("xdotool", "type", "--delay", "25", text)
}

// Click presses the first mouse button at a point of the screen.
func (d *Desktop) Click(x, y int) {
	d.t.Helper()
	d.must("xdotool", "mousemove", "--sync", strconv.Itoa(x), strconv.Itoa(y), "click", "1")
}

// Shot writes a picture of the screen as a palette PNG.
func (d *Desktop) Shot(path string) {
	d.t.Helper()
	d.must("import", "-window", "root", "-colors", "200", "-define", "png:compression-level=9", "PNG8:"+path)
}

func (d *Desktop) must(name string, args ...string) {
	d.t.Helper()
	if _, err := d.run(name, args...); err != nil {
		d.t.Fatal(err)
	}
}

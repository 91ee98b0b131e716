//go:build window

package kakoi

// What the test of the window is played with: the program on a screen of its own, its guests as witnesses, and its pictures.

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/uitest"
)

// Colours of the light theme.
const (
	colorBack    = 0xfbfaf7 // OpenGL clears the window to one or two more
	colorPrimary = 0x1f6f6b
	colorLink    = 0x1a5f8a
	colorMark    = 0xfae19e
	colorRefused = 0xeef0ee
	colorError   = 0xb3372f
)

// desk is the window of one data folder on a screen.
type desk struct {
	*uitest.Desktop
	t      *testing.T
	data   string
	cmd    *exec.Cmd
	out    bytes.Buffer
	ended  chan error
	window int
}

// open starts the program without a command and waits for its window.
func (d *desk) open() {
	d.t.Helper()
	program, err := filepath.Abs("bin/kakoi")
	if err != nil {
		d.t.Fatal(err)
	}
	d.cmd = exec.Command(program, "--data", d.data)
	d.cmd.Env = d.Env("LANG=ja_JP.UTF-8", "LC_ALL=")
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("%v (make build comes first)", err)
	}
	d.ended = make(chan error, 1)
	go func() { d.ended <- d.cmd.Wait() }()
	d.window = d.Window("Kakoi", 30*time.Second)
	d.Focus(d.window)
	d.until("the window shows its frame", 30*time.Second, func() bool {
		n, _ := d.Count(d.box(), 0x1c1e21, 0)
		m, _ := d.Count(d.box(), colorBack, 2)
		return n+m > 1000
	})
	_ = d.guest("status") // answered when the data folder is open
	d.rests()
}

// left waits until the program has ended by itself.
func (d *desk) left() {
	d.t.Helper()
	select {
	case err := <-d.ended:
		d.cmd = nil
		if err != nil {
			d.fail("the window ended with %v\n%s", err, d.out.String())
		}
	case <-time.After(60 * time.Second):
		_ = d.cmd.Process.Signal(syscall.SIGQUIT) // says what every goroutine waits for
		<-d.ended
		d.cmd = nil
		d.fail("the window does not close\n%s", d.out.String())
	}
}

// close ends what the test leaves.
func (d *desk) close() {
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(os.Interrupt)
		select {
		case <-d.ended:
		case <-time.After(20 * time.Second):
			_ = d.cmd.Process.Kill()
			<-d.ended
		}
	}
}

func (d *desk) box() image.Rectangle { return d.Bounds(d.window) }

// part is a part of the window in shares of its size.
func (d *desk) part(left, top, right, bottom float64) image.Rectangle {
	b := d.box()
	at := func(x, y float64) image.Point {
		return image.Pt(b.Min.X+int(x*float64(b.Dx())), b.Min.Y+int(y*float64(b.Dy())))
	}
	return image.Rectangle{at(left, top), at(right, bottom)}
}

// transcript and sources are where the chat screen has them.
func (d *desk) transcript() image.Rectangle { return d.part(0.29, 0.13, 0.70, 0.83) }
func (d *desk) sources() image.Rectangle    { return d.part(0.72, 0.13, 1, 0.92) }

// at waits until a screen of the rail is the one that is shown.
func (d *desk) at(place int) {
	d.t.Helper()
	y := 76 + 40*place
	d.until(fmt.Sprintf("screen %d is shown", place+1), 20*time.Second, func() bool {
		light, _ := d.Count(image.Rect(6, y-4, 10, y+4), colorPrimary, 1)
		dark, _ := d.Count(image.Rect(6, y-4, 10, y+4), 0x5fb7ae, 1)
		return light+dark >= 16
	})
}

func (d *desk) rests() { d.Rests(d.box(), 5*time.Second) }

// plain is how much of the window shows its bare background; what lies over the window darkens that.
func (d *desk) plain() int {
	n, _ := d.Count(d.box(), colorBack, 2)
	return n
}

// until waits for a state.
func (d *desk) until(what string, within time.Duration, is func() bool) {
	d.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
		select {
		case err := <-d.ended:
			d.ended <- err
			d.fail("the window ended (%v) before: %s\n%s", err, what, d.out.String())
		default:
		}
	}
	d.fail("not within %v: %s", within, what)
}

// works waits for work that takes a while: it asks seldom, since those who ask need the processor too.
func (d *desk) works(what string, within time.Duration, is func() bool) {
	d.t.Helper()
	d.until(what, within, func() bool {
		time.Sleep(500 * time.Millisecond)
		return is()
	})
}

// fail keeps a picture of the screen and the logs, and says where.
func (d *desk) fail(format string, args ...any) {
	d.t.Helper()
	dir, err := os.MkdirTemp("", "kakoi-window-*")
	if err != nil {
		d.t.Fatal(err)
	}
	err = d.Shot(image.Rect(0, 0, uitest.Width, uitest.Height), filepath.Join(dir, "screen.png"))
	if logs, e := filepath.Glob(filepath.Join(d.data, "logs", "*")); e == nil {
		for _, name := range logs {
			raw, e := os.ReadFile(name)
			err = errors.Join(err, e, os.WriteFile(filepath.Join(dir, filepath.Base(name)), raw, 0o600))
		}
	}
	d.t.Fatalf(format+"\nSee "+dir+" (%v)", append(args, err)...)
}

// guest runs a command beside the window.
func (d *desk) guest(args ...string) string {
	d.t.Helper()
	out, errs, code := kakoi(d.t, d.data, append([]string{"--json"}, args...)...)
	if code != 0 {
		d.fail("kakoi %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

func guestLines[T any](d *desk, args ...string) []T {
	d.t.Helper()
	out := d.guest(args...)
	if strings.TrimSpace(out) == "" {
		return nil
	}
	return lines[T](d.t, out)
}

func (d *desk) documents() []core.Document {
	d.t.Helper()
	return guestLines[core.Document](d, "list")
}

func (d *desk) document(name string) (core.Document, bool) {
	for _, doc := range d.documents() {
		if doc.Name == name {
			return doc, true
		}
	}
	return core.Document{}, false
}

// said is a question of a conversation with what became of it.
type said struct {
	record.Turn
	Number   int      `json:"number"`
	Branch   int      `json:"branch"`
	Siblings []string `json:"siblings"`
}

// last is the newest question of the newest conversation.
func (d *desk) last() (said, bool) {
	d.t.Helper()
	all := guestLines[record.Conversation](d, "chat", "list")
	if len(all) == 0 {
		return said{}, false
	}
	newest := all[0]
	for _, c := range all {
		if c.Changed.After(newest.Changed) {
			newest = c
		}
	}
	turns := guestLines[said](d, "chat", "show", newest.ID)
	if len(turns) == 0 {
		return said{}, false
	}
	return turns[len(turns)-1], true
}

// asks types a question into the field, sends it, and gives it with its answer.
func (d *desk) asks(question string) said {
	d.t.Helper()
	d.Type(question)
	d.Keys("Return")
	return d.answered(question)
}

func (d *desk) answered(question string) said {
	d.t.Helper()
	var got said
	d.until("an answer to "+question, 60*time.Second, func() bool {
		s, ok := d.last()
		got = s
		return ok && s.Question == question && len(s.Answers) > 0
	})
	d.rests()
	return got
}

// setting is the value of a setting now.
func (d *desk) setting(key string) string {
	d.t.Helper()
	type row struct{ Key, Value string }
	for _, r := range guestLines[row](d, "settings") {
		if r.Key == key {
			return r.Value
		}
	}
	d.fail("no setting %s", key)
	return ""
}

// engine is the process id of the engine, 0 without one.
func (d *desk) engine() int {
	d.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, name := range all {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		text := string(raw)
		if strings.Contains(text, "Name:\tkakoi-engine\n") && strings.Contains(text, fmt.Sprintf("PPid:\t%d\n", d.cmd.Process.Pid)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err == nil {
				return pid
			}
		}
	}
	return 0
}

// killEngine ends the engine as a crash does.
func (d *desk) killEngine() {
	d.t.Helper()
	pid := d.engine()
	if pid == 0 {
		d.fail("there is no engine to kill")
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		d.t.Fatal(err)
	}
}

// shots writes a picture of the screen that is shown for a language, light and dark, when KAKOI_SHOTS names a folder.
func (d *desk) shots(screen, language string) {
	d.t.Helper()
	dir := os.Getenv("KAKOI_SHOTS")
	if dir == "" {
		return
	}
	before := map[string]string{}
	for _, key := range []string{"language", "theme"} {
		before[key] = d.setting(key)
	}
	d.guest("settings", "language", language)
	for theme, back := range map[string]uint32{"dark": 0x1c1e21, "light": colorBack} {
		d.guest("settings", "theme", theme)
		d.until("the window is "+theme, 20*time.Second, func() bool { n, _ := d.Count(d.box(), back, 2); return n > 10000 })
		d.rests()
		time.Sleep(time.Second) // pages are drawn again
		d.rests()
		if err := d.Shot(d.box(), filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", screen, language, theme))); err != nil {
			d.fail("%v", err)
		}
	}
	for key, value := range before {
		d.guest("settings", key, value)
	}
	d.rests()
}

// holds says whether any file below dir holds a text.
func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		found = found || bytes.Contains(raw, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

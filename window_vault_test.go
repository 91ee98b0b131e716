//go:build window

package kakoi

import (
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/ui/uitest"
)

// TestWindowLocked starts the program over a library that a passphrase keeps: nothing of it is on the screen, nor for other programs to read, before
// the passphrase is typed and after the window was locked again.
func TestWindowLocked(t *testing.T) {
	const pass, name = "seven grey cats", "鶴見川 予算 (極秘).txt"
	d := &desk{Desktop: uitest.Start(t), t: t, data: filepath.Join(t.TempDir(), "kakoi"), ended: make(chan error, 1)}
	dir := t.TempDir()
	write(t, filepath.Join(dir, name), "鶴見川の予算は、4,200万円です。\n")
	write(t, filepath.Join(dir, "pass"), pass+"\n")
	for _, args := range [][]string{{"settings", "theme", "light"}, {"add", filepath.Join(dir, name)}, {"passphrase", "set", "--yes", "--passphrase-file", filepath.Join(dir, "pass")}} {
		if out, errs, code := kakoi(t, d.data, args...); code != 0 {
			t.Fatalf("kakoi %v: exit %d\n%s%s", args, code, out, errs)
		}
	}
	write(t, filepath.Join(d.data, "window.json"), `{"width":1180,"height":760,"welcomed":true}`)
	program, err := filepath.Abs("bin/kakoi")
	if err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(program, "--data", d.data)
	d.cmd.Env = d.Env("LANG=ja_JP.UTF-8", "LC_ALL=")
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	defer d.close()
	d.window = d.Window("Kakoi", 30*time.Second)
	d.Focus(d.window)
	d.until("the window shows something", 30*time.Second, func() bool { return d.plain() > 100_000 })
	d.rests()
	d.shot("locked")
	first := d.Picture(d.box())
	d.hidden(name)
	if _, errs, code := kakoi(t, d.data, "list"); code == 0 || strings.Contains(errs, "鶴見川") {
		d.fail("a command reads a locked library: exit %d\n%s", code, errs)
	}
	if d.engine() != 0 {
		d.fail("the engine runs before the passphrase is typed")
	}

	red := func() bool { n, _ := d.Count(d.box(), colorError, 2); return n > 12 }
	d.Type("seven grey dogs")
	d.Keys("Return")
	d.until("the wrong passphrase is told", 20*time.Second, red)
	d.rests()
	d.shot("wrong")
	d.hidden(name)
	d.Type(pass)
	d.Keys("Return")
	d.at(0)
	_ = d.guest("status")
	d.rests()
	const question = "鶴見川の予算はいくらですか。"
	if got := d.asks(question); !strings.Contains(got.Answers[0].Answer.Text, "4,200") {
		d.fail("answer to %s: %+v", question, got.Answers[0].Answer)
	}
	const half = "鶴見川の予算を決めたのは"
	d.Type(half)
	d.Keys("ctrl+a", "ctrl+c")
	d.until("it can be pasted elsewhere", 10*time.Second, func() bool { return d.Offered("CLIPBOARD") })
	d.shot("open")

	d.Keys("ctrl+shift+l")
	d.until("the lock screen is there", 10*time.Second, func() bool { return differ(first, d.Picture(d.box())) < 600 })
	d.hidden(name)
	if d.Offered("CLIPBOARD") || d.Offered("PRIMARY") {
		d.fail("what was copied can still be pasted")
	}
	d.until("the engine has ended", 30*time.Second, func() bool { return d.engine() == 0 })
	if _, errs, code := kakoi(t, d.data, "list"); code == 0 || strings.Contains(errs, "鶴見川") {
		d.fail("a command reads the library after it was locked: exit %d\n%s", code, errs)
	}
	for _, file := range []string{"window.json", "window.sealed", "settings.json"} {
		if raw, err := os.ReadFile(filepath.Join(d.data, file)); err != nil || strings.Contains(string(raw), "chat") && file != "settings.json" {
			d.fail("%s: %v\n%s", file, err, raw)
		}
	}

	d.Type(pass)
	d.Keys("Return")
	d.at(0)
	_ = d.guest("status")
	d.rests()
	d.shot("again")
	d.Keys("ctrl+l", "End", "Return") // what was being typed
	if got := d.answered(half); got.Question != half {
		d.fail("the question that was being typed came back as %q", got.Question)
	}
	d.Keys("ctrl+q")
	d.left()
}

// hidden looks whether the window tells other programs of a document.
func (d *desk) hidden(name string) {
	d.t.Helper()
	all := d.Properties(d.window)
	for _, word := range []string{name, strings.TrimSuffix(name, ".txt"), "鶴見川"} {
		if strings.Contains(all, word) {
			d.fail("%q stands at the window on the display", word)
		}
	}
}

// shot writes a picture where KAKOI_VAULT_SHOTS names a folder.
func (d *desk) shot(name string) {
	d.t.Helper()
	if dir := os.Getenv("KAKOI_VAULT_SHOTS"); dir != "" {
		if err := d.Shot(d.box(), filepath.Join(dir, "vault-"+name+".png")); err != nil {
			d.fail("%v", err)
		}
	}
}

// differ counts the pixels in which two pictures of a size differ; of different sizes all of them.
func differ(a, b *image.RGBA) int {
	if a.Rect != b.Rect {
		return len(a.Pix)
	}
	n := 0
	for i := 0; i+3 < len(a.Pix); i += 4 {
		if a.Pix[i] != b.Pix[i] || a.Pix[i+1] != b.Pix[i+1] || a.Pix[i+2] != b.Pix[i+2] {
			n++
		}
	}
	return n
}

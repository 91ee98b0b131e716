//go:build window

package kakoi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kakoi/ui/uitest"
)

// TestWindowWaits starts the program from a desktop, where nobody reads what it writes, while a command of a terminal has the library: a
// small window says so, and the window opens by itself when the command has ended.
func TestWindowWaits(t *testing.T) {
	d := &desk{Desktop: uitest.Start(t), t: t, data: filepath.Join(t.TempDir(), "kakoi"), ended: make(chan error, 1)}
	docs := filepath.Join(t.TempDir(), "docs")
	for i := range 5000 {
		write(t, filepath.Join(docs, fmt.Sprintf("%d.txt", i)), fmt.Sprintf("第%d条 会議室の定員は%d名です。\n", i, i))
	}
	program, err := filepath.Abs("bin/kakoi")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "--data", d.data, "--quiet", "add", docs)
	if err := command.Start(); err != nil {
		t.Fatalf("%v (make build comes first)", err)
	}
	over := make(chan error, 1)
	go func() { over <- command.Wait() }()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(d.data, "kakoi.sock")); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the command does not open the library")
		}
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
	if b := d.box(); b.Dx() > 700 || b.Dy() > 400 {
		d.fail("a window of %v while a command has the library", b)
	}
	select {
	case err := <-over:
		t.Fatalf("the command ended (%v) before the window was seen", err)
	default:
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-over
	d.until("the window opens by itself", 60*time.Second, func() bool {
		if d.Windows("Kakoi") == 0 {
			return false
		}
		d.window = d.Window("Kakoi", time.Second)
		return d.box().Dx() > 1000
	})
	d.rests()
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNoRoom: on real file systems without room a backup and a restore are refused before they begin, in a sentence with a hint, with nothing left behind, and go
// well when there is room. Where the kernel lets nobody mount, the test says so.
func TestNoRoom(t *testing.T) {
	w := newWorld(t)
	w.stock(3)
	want, docs := w.answers(3), w.documents()
	file := filepath.Join(t.TempDir(), "backup")
	w.want(0, "backup", file)
	small, data := t.TempDir(), t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `mount -t tmpfs -o size=2m none ` + small + ` && mount -t tmpfs -o size=200m none ` + data + ` && echo mounted || exit 0
"$0" --lang en --data "$1" backup ` + small + `/b; echo "code $?"; ls -A ` + small + `; echo "--"
"$0" --lang en --data ` + data + ` restore "$2"; echo "code $?"; ls -A ` + data + `; echo "--"
mount -o remount,size=600m ` + data + ` && "$0" --lang en --data ` + data + ` restore "$2"; echo "code $?"
mount -o remount,size=40m ` + small + ` && "$0" --lang en --data ` + data + ` backup ` + small + `/b; echo "code $?"; ls -A ` + small
	cmd := exec.Command("/bin/sh", "-c", script, exe, w.data, file)
	cmd.Env = append(os.Environ(), "KAKOI_TEST_PROGRAM=1", "KAKOI_HOME="+w.home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	if !strings.Contains(out, "mounted") {
		t.Logf("no mount here (%v): %s", err, out)
		return
	}
	parts := strings.Split(out, "--\n")
	if len(parts) != 3 {
		t.Fatalf("said %s", out)
	}
	for i, part := range parts[:2] {
		left := strings.Fields(part[strings.Index(part, "code 1")+len("code 1"):])
		for _, name := range left {
			if name != "kakoi.lock" {
				t.Errorf("part %d leaves %v", i, left)
			}
		}
		if !strings.Contains(part, "code 1") || !strings.Contains(part, "MB are needed") || !strings.Contains(part, "Nothing was changed") {
			t.Errorf("part %d: %s", i, part)
		}
	}
	if strings.Count(parts[2], "code 0") != 2 || !strings.HasSuffix(strings.TrimSpace(parts[2]), "b") {
		t.Errorf("with room: %s", parts[2])
	}
	if w.documents() != docs || w.answers(3) != want {
		t.Error("the library changed")
	}
}

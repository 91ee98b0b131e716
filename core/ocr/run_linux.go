package ocr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Limits of the child, besides those of time on the clock.
const (
	maxMemory      = 3 << 30 // bytes of address space: a page of 16 million points takes half a gigabyte
	maxProcessor   = 600     // seconds of processor time
	maxFile        = 1 << 20 // bytes of a file it writes
	maxDescriptors = 64
	maxOutput      = 32 << 20 // bytes of what it says
	maxComplaint   = 4 << 10  // bytes kept of what it complains
)

// run starts the program with arguments, gives it input and returns what it says.
func (r Reader) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", folderName)
	if err != nil {
		return nil, fmt.Errorf("make a folder for tesseract: %w", err)
	}
	defer os.RemoveAll(dir)
	plan, err := json.Marshal(childPlan{Path: r.Path, Args: args, Dir: dir, See: seen(r.Path)})
	if err != nil {
		return nil, fmt.Errorf("encode the plan of tesseract: %w", err)
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", childWord, string(plan))
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir, "TMPDIR=" + dir, "OMP_THREAD_LIMIT=1"}
	if data := os.Getenv(dataVariable); data != "" {
		cmd.Env = append(cmd.Env, dataVariable+"="+data)
	}
	said, complained := &limited{most: maxOutput, whole: true}, &limited{most: maxComplaint}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), said, complained
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	// The death of the thread that started it counts as the parent's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if cmd.Process != nil {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // children that it left
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case said.over:
		return nil, core.Explain(fmt.Errorf("tesseract wrote more than %d bytes: %w", maxOutput, core.ErrTooLarge), "error.ocr.failed")
	case err != nil:
		err = fmt.Errorf("tesseract: %w: %s", err, strings.TrimSpace(strings.ToValidUTF8(complained.kept.String(), "\ufffd")))
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
			err = core.Explain(fmt.Errorf("%w: %w", core.ErrUnsupported, err), "error.ocr.limit")
		}
		return nil, err
	}
	return said.kept.Bytes(), nil
}

// dataVariable names the folder of Tesseract's languages, where a person keeps them elsewhere.
const dataVariable = "TESSDATA_PREFIX"

// seen are the folders and files that the child may read: programs, libraries, Tesseract's data.
func seen(program string) []string {
	out := []string{
		"/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/opt", "/nix/store", "/gnu/store", "/snap",
		"/dev/null", "/dev/zero", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu",
	}
	if real, err := filepath.EvalSymlinks(program); err == nil {
		home, _ := os.UserHomeDir()
		for _, dir := range []string{filepath.Dir(program), filepath.Dir(real), filepath.Join(filepath.Dir(real), "..", "lib"), filepath.Join(filepath.Dir(real), "..", "share")} {
			// A program that lies right in the home folder must not open all of it.
			if below, err := filepath.Rel(dir, home); home == "" || err != nil || below == ".." || strings.HasPrefix(below, "../") {
				out = append(out, dir)
			}
		}
	}
	if data := os.Getenv(dataVariable); data != "" {
		out = append(out, data)
	}
	return out
}

// limited keeps at most so many bytes; more is an error for the writer when the whole is wanted. (It has no ReadFrom, which io.Copy would
// take for an endless writer's whole output.)
type limited struct {
	kept  bytes.Buffer
	most  int
	whole bool
	over  bool
}

func (l *limited) Write(b []byte) (int, error) {
	room := l.most - l.kept.Len()
	if len(b) <= room {
		return l.kept.Write(b)
	}
	l.over = true
	l.kept.Write(b[:max(room, 0)])
	if l.whole {
		return 0, core.ErrTooLarge
	}
	return len(b), nil
}

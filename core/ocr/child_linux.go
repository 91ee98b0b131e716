package ocr

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
)

// childWord is the first argument of a process that is to become Tesseract.
const childWord = "become-tesseract"

// childPlan is its second.
type childPlan struct {
	Path string   `json:"path"` // of the program
	Args []string `json:"args"`
	Dir  string   `json:"dir"` // that it may write in
	See  []string `json:"see"` // that it may read
}

// Child becomes Tesseract where args (without the program's name) say so, and does not return then; with ok it could not, and the program has
// to end with code. Programs that call Read must call it first.
func Child(args []string) (code int, ok bool) {
	if len(args) != 2 || args[0] != childWord {
		return 0, false
	}
	fmt.Fprintln(os.Stderr, become(args[1]))
	return unable, true
}

// unable is what shells end with where a program cannot be run.
const unable = 126

func become(raw string) error {
	var plan childPlan
	if err := json.Unmarshal([]byte(raw), &plan); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if _, err := closed.Lock(); err != nil {
		return fmt.Errorf("close the network: %w", err)
	}
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("close what was left open: %w", err)
	}
	runtime.LockOSThread()                         // Landlock is of this thread, and exec goes on with it
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 10) // the window goes first
	// Kernels without Landlock: the limits and the closed network stand alone.
	if _, err := landlock.Restrict(landlock.Rules{Run: append(plan.See, plan.Path), Write: []string{plan.Dir}, Use: []string{"/dev/null"}}); err != nil {
		return fmt.Errorf("close the file system: %w", err)
	}
	for _, l := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_AS, maxMemory}, {unix.RLIMIT_CPU, maxProcessor}, {unix.RLIMIT_FSIZE, maxFile}, {unix.RLIMIT_NOFILE, maxDescriptors}, {unix.RLIMIT_CORE, 0},
	} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("set limit %d: %w", l.what, err)
		}
	}
	return unix.Exec(plan.Path, append([]string{plan.Path}, plan.Args...), os.Environ())
}

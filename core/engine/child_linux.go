package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"kakoi/core/closed/landlock"
)

// childWord is the first argument of a process that is to become the engine.
const childWord = "become-engine"

// Descriptors of the engine process: the socket, and the folder of its threads in /proc, which is held open, and with it the one above, since a rule
// on such a folder ends when the kernel forgets the folder's entry for lack of memory.
const (
	socketFD = 3
	selfFD   = 4
)

// childPlan is its second.
type childPlan struct {
	Path    string         `json:"path"`
	Rules   landlock.Rules `json:"rules"`
	Outside []string       `json:"outside"` // that the engine tries and must be refused
}

// Child becomes the engine where args (without the program's name) say so, and does not return then; with ok it could not, and the program has
// to end with code. Programs that start engines with Params.Files must call it first.
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
	runtime.LockOSThread() // Landlock is of this thread, and exec goes on with it
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	// What a crash leaves is memory with passages of documents.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("no core files: %w", err)
	}
	if err := unix.CloseRange(selfFD, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("close what was left open: %w", err)
	}
	own := "/proc/" + strconv.Itoa(os.Getpid())
	fd, err := unix.Open(own+"/task", unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open the own folder in /proc: %w", err)
	}
	plan.Rules.Read = append(plan.Rules.Read, own)
	plan.Rules.Use = append(plan.Rules.Use, own+"/clear_refs")
	state, err := landlock.Restrict(plan.Rules)
	if err != nil {
		return err
	}
	if fd != selfFD {
		if err := unix.Dup3(fd, selfFD, 0); err != nil {
			return fmt.Errorf("keep the own folder in /proc: %w", err)
		}
	} else if _, err := unix.FcntlInt(selfFD, unix.F_SETFD, 0); err != nil {
		return fmt.Errorf("keep the own folder in /proc: %w", err)
	}
	env, err := landlock.Announce(os.Environ(), state, plan.Outside)
	if err != nil {
		return err
	}
	return unix.Exec(plan.Path, []string{plan.Path}, env)
}

// command is the engine's process in the making: at once, or through a child that closes its files first.
func command(p Params) (*exec.Cmd, error) {
	if p.Files == nil {
		cmd := exec.Command(p.Binary)
		reason := p.FilesReason
		if reason == "" {
			reason = landlock.ReasonTool
		}
		var err error
		cmd.Env, err = landlock.Announce(environment(os.Environ(), p), landlock.Open(reason), nil)
		return cmd, err
	}
	// Told as what it is, not as the child's end.
	if st, err := os.Stat(p.Binary); err != nil {
		return nil, err
	} else if st.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("%s cannot be run: %w", p.Binary, fs.ErrPermission)
	}
	plan, err := json.Marshal(childPlan{Path: p.Binary, Rules: *p.Files, Outside: p.Outside})
	if err != nil {
		return nil, fmt.Errorf("encode the plan of the engine: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", childWord, string(plan))
	cmd.Path, cmd.Args[0] = "/proc/self/exe", p.Binary
	cmd.Env = environment(os.Environ(), p)
	return cmd, nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"kakoi/core"
	"kakoi/core/closed/landlock"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
	"kakoi/core/vault"
)

// process is one run of kakoi-engine.
type process struct {
	pb      pb.EngineClient
	conn    *grpc.ClientConn
	cmd     *exec.Cmd
	said    *tail
	started time.Time
	took    time.Duration // from the start to the first answer; set before the process is handed out
	exited  chan struct{} // closed when it is gone; state is set then
	state   *os.ProcessState
	ended   atomic.Pointer[string] // why we ended it ourselves: "closed", "hung", "silent"
}

// spawn starts the engine with one end of a socketpair as descriptor 3 and speaks gRPC over the other end.
func spawn(p Params) (*process, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	said := &tail{log: p.Log}
	cmd, err := command(p)
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, notStarted(p, err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.ExtraFiles = []*os.File{theirs}
	// A grandchild that keeps the engine's standard error open must not hold us up.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // Ctrl-C in the terminal is for kakoi, which then cancels calls in order
		Pdeathsig: syscall.SIGKILL,
	}

	eng := &process{cmd: cmd, said: said, started: time.Now(), exited: make(chan struct{})}
	if err := eng.keep(p.Nice); err != nil {
		ours.Close()
		theirs.Close()
		return nil, notStarted(p, err)
	}
	theirs.Close()
	if err := eng.dial(ours); err != nil {
		eng.kill("closed")
		return nil, err
	}
	return eng, nil
}

// notStarted explains why there is no process.
func notStarted(p Params, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return core.Explain(err, "error.engine.missing", p.Binary)
	}
	return core.Explain(err, "error.engine.start", err.Error())
}

// keep starts the process and waits for its end, both on one OS thread that lives as long as the process: the
// kernel sends the parent-death signal when the thread that started the child ends. A child has the priority of the
// thread that started it, in all its threads; such a thread ends with this goroutine, since nobody else wants it.
func (e *process) keep(nice int) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		if nice == 0 {
			defer runtime.UnlockOSThread()
		} else {
			err = giveWay(nice)
		}
		if err == nil {
			err = e.cmd.Start()
		}
		started <- err
		if err != nil {
			return
		}
		e.cmd.Wait() // its error is the state
		e.state = e.cmd.ProcessState
		close(e.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", e.cmd.Path, err)
	}
	return nil
}

// giveWay lowers the calling thread to nice below this process's first thread, and tells the kernel that it will compute at length
// (SCHED_BATCH, sched(7)): such a thread does not take the processor from one that has it.
func giveWay(nice int) error {
	kernel, err := unix.Getpriority(unix.PRIO_PROCESS, os.Getpid()) // 20 less the value, getpriority(2)
	if err != nil {
		return fmt.Errorf("own priority: %w", err)
	}
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH, Nice: int32(min(20-kernel+nice, 19))}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("lower the engine's priority: %w", err)
	}
	return nil
}

// dial makes the gRPC connection. Nothing here touches a network: the target is a name that is passed through to a
// dialer with exactly one connection to give, there is no service config, no proxy and no idle mode (which would
// close the connection after half an hour).
func (e *process) dial(c net.Conn) error {
	var once sync.Once
	link := &link{Conn: c, lost: e.lost}
	conn, err := grpc.NewClient("passthrough:///kakoi-engine",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (first net.Conn, err error) {
			err = fmt.Errorf("connect again: %w", core.ErrEngine)
			once.Do(func() { first, err = link, nil })
			return first, err
		}),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithInitialWindowSize(wire.Window),
		grpc.WithInitialConnWindowSize(wire.Window),
		grpc.WithDefaultCallOptions(
			grpc.WaitForReady(true),
			grpc.MaxCallRecvMsgSize(wire.MaxMessage),
			grpc.MaxCallSendMsgSize(wire.MaxMessage),
		),
	)
	if err != nil {
		c.Close()
		return fmt.Errorf("connect to engine: %w", err)
	}
	e.conn, e.pb = conn, pb.NewEngineClient(conn)
	go func() { // ends all calls that are under way
		<-e.exited
		conn.Close()
		c.Close()
	}()
	return nil
}

// link is the connection; when gRPC gives it up, the process is of no use any more.
type link struct {
	net.Conn
	once sync.Once
	lost func()
}

func (l *link) Close() error {
	err := l.Conn.Close()
	l.once.Do(l.lost)
	return err
}

// lost gives a process whose connection has ended a moment to leave by itself, then ends it.
func (e *process) lost() {
	go func() {
		select {
		case <-e.exited:
		case <-time.After(2 * time.Second):
			e.kill("silent")
		}
	}()
}

// kill ends the process for a reason of ours; the first reason counts.
func (e *process) kill(why string) {
	e.ended.CompareAndSwap(nil, &why)
	e.cmd.Process.Kill()
}

func (e *process) alive() bool {
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

// stop ends the process in order: end of file on its socket, and force where that does not help.
func (e *process) stop() {
	why := "closed"
	e.ended.CompareAndSwap(nil, &why)
	e.conn.Close()
	select {
	case <-e.exited:
	case <-time.After(3 * time.Second):
		e.kill(why)
		<-e.exited
	}
}

// crash is the error of a process that is gone.
func (e *process) crash() error {
	words := e.said.words()
	state := e.state.String()
	causes := []error{core.ErrEngine}
	all := strings.Join(words, "\n")
	if strings.Contains(all, "out of memory") || strings.Contains(all, "std::bad_alloc") || strings.Contains(all, "cannot allocate memory") {
		causes = append(causes, core.ErrOutOfMemory)
	}
	text := "engine process ended: " + state
	if len(words) > 0 {
		text += ": " + strings.Join(words, " | ")
	}
	err := &lostError{text, causes}
	if why := e.ended.Load(); why != nil {
		if *why == "hung" {
			return core.Explain(err, "error.engine.hung")
		}
		if *why == "closed" {
			return core.Explain(err, "error.engine.closed")
		}
	}
	last := state
	if len(words) > 0 {
		last = words[0]
	}
	switch ws, _ := e.state.Sys().(syscall.WaitStatus); {
	case e.took == 0:
		return core.Explain(err, "error.engine.start", last)
	case ws.Signaled() && ws.Signal() == syscall.SIGKILL:
		return core.Explain(err, "error.engine.killed")
	}
	return core.Explain(err, "error.engine.lost", last)
}

// lostError is the end of a process in one line, for the log.
type lostError struct {
	text   string
	causes []error
}

func (e *lostError) Error() string   { return e.text }
func (e *lostError) Unwrap() []error { return e.causes }

// socketpair makes a connected pair of Unix sockets: ours ready for the Go scheduler, theirs for a child.
func socketpair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socketpair for the engine: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "engine")
	ours, err = net.FileConn(f) // a duplicate
	f.Close()
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make a socketpair for the engine: %w", err)
	}
	return ours, os.NewFile(uintptr(fds[1]), "kakoi"), nil
}

// environment is the engine's: ours, with the library folder in front of the loader's path.
func environment(env []string, p Params) []string {
	out := make([]string, 0, len(env)+len(p.Env)+1)
	path := p.LibraryPath
	for _, kv := range env {
		if old, ok := strings.CutPrefix(kv, "LD_LIBRARY_PATH="); ok && p.LibraryPath != "" {
			if old != "" {
				path += ":" + old
			}
			continue
		}
		out = append(out, kv)
	}
	if p.LibraryPath != "" {
		out = append(out, "LD_LIBRARY_PATH="+path)
	}
	return append(out, p.Env...)
}

// Params say how the engine process is run.
type Params struct {
	Binary        string     // path of kakoi-engine
	LibraryPath   string     // folder of libtorch, see ChooseLibraries; "" leaves the loader's search alone
	LibraryReason string     // the reason ChooseLibraries gave, for Status
	Env           []string   // KEY=VALUE, on top of this process's environment
	Log           io.Writer  // gets what the engine writes to standard error; may be nil
	Key           *vault.Key // of the folders of adapters and runs; the engine gets it with each generator, and keeps it in memory only. nil: they are plain
	Nice          int        // 0 to 19: how far the engine gives way to this program and others for the processor (nice(2)); not 0: SCHED_BATCH too

	Files       *landlock.Rules // what of the file system the engine may reach, see FilesOf; nil: whatever its user may. The program must call Child first
	FilesReason string          // why Files is nil: a translation key, see package landlock
	Outside     []string        // paths that an engine with Files tries at its start and has to be refused

	StartTimeout time.Duration // until the first answer; 0: two minutes (cold disk, CUDA)
	HangTimeout  time.Duration // a cancelled call may occupy the engine this long; 0: one minute
}

// Validate reports the first thing that is wrong with p.
func (p Params) Validate() error {
	if p.Binary == "" {
		return fmt.Errorf("start engine without a program: %w", core.ErrUsage)
	}
	if p.Nice < 0 || p.Nice > 19 {
		return fmt.Errorf("start engine with nice %d: %w", p.Nice, core.ErrUsage)
	}
	if p.StartTimeout < 0 || p.HangTimeout < 0 {
		return fmt.Errorf("start engine with a negative timeout: %w", core.ErrUsage)
	}
	return nil
}

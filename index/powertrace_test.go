//go:build linux && amd64

package index_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// event is a moment of a traced child at which something was promised to be on the disk, or to whoever runs it.
type event struct {
	synced uint64 // file whose bytes are on the disk as they are now; 0: none
	folder bool   // the names in the folder are
	said   string // a line on standard output
	names  map[string]uint64
	bytes  map[uint64]*image // of all files, as a process sees them now
}

// image is a file without the empty space at its end.
type image struct {
	data []byte
	size int64
}

// trace runs a child and stops it at every msync, fsync and write to standard output: what other processes would find in the folder then is taken down. A sync is
// taken down as it begins, so that nothing counts as synced that came later; what is said, too.
func trace(t *testing.T, cmd *exec.Cmd, dir string) ([]event, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout = in
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		in.Close()
		return nil, err
	}
	in.Close()
	drained := make(chan struct{})
	go func() { // so that the child never waits for its reader
		defer close(drained)
		s := bufio.NewScanner(out)
		for s.Scan() {
		}
	}()
	pid := cmd.Process.Pid
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil {
		return nil, err
	}
	if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		_ = cmd.Process.Kill()
		return nil, err
	}
	c := camera{dir: dir, ids: map[string]uint64{}, seen: map[uint64]*image{}, sums: map[uint64][32]byte{}}
	inside := map[int]bool{}               // threads in a call
	direct := map[int]syscall.PtraceRegs{} // threads in a write that is on the disk when it returns
	_ = syscall.PtraceSyscall(pid, 0)
	for {
		tid, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		if err != nil {
			return nil, fmt.Errorf("wait for the traced child: %w", err)
		}
		switch {
		case ws.Exited() || ws.Signaled():
			delete(inside, tid)
			if tid == pid {
				<-drained
				if ws.Signaled() || ws.ExitStatus() != 0 {
					return c.events, fmt.Errorf("traced child ended with %v", ws)
				}
				return c.events, nil
			}
			continue
		case ws.StopSignal() == syscall.SIGTRAP|0x80:
			if inside[tid] = !inside[tid]; inside[tid] {
				var regs syscall.PtraceRegs
				if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
					continue // it ends
				}
				if isDirect(pid, regs) {
					direct[tid] = regs
				} else if err := c.look(pid, tid, regs); err != nil {
					_ = cmd.Process.Kill()
					return nil, err
				}
			} else if regs, ok := direct[tid]; ok {
				delete(direct, tid)
				regs.Orig_rax = unix.SYS_FDATASYNC
				if err := c.look(pid, tid, regs); err != nil {
					_ = cmd.Process.Kill()
					return nil, err
				}
			}
			_ = syscall.PtraceSyscall(tid, 0)
		case ws.StopSignal() == syscall.SIGTRAP, ws.StopSignal() == syscall.SIGSTOP: // a new thread
			_ = syscall.PtraceSyscall(tid, 0)
		default:
			_ = syscall.PtraceSyscall(tid, int(ws.StopSignal()))
		}
	}
}

// isDirect says whether a call writes to a file that was opened with O_DSYNC.
func isDirect(pid int, regs syscall.PtraceRegs) bool {
	if regs.Orig_rax != unix.SYS_WRITE && regs.Orig_rax != unix.SYS_PWRITE64 {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, regs.Rdi))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		var flags int
		if n, _ := fmt.Sscanf(line, "flags: %o", &flags); n == 1 {
			return flags&unix.O_DSYNC != 0
		}
	}
	return false
}

// camera takes pictures of a folder.
type camera struct {
	dir    string
	ids    map[string]uint64
	events []event
	seen   map[uint64]*image
	sums   map[uint64][32]byte
}

// id is the number of a file, from 1. A file system gives the inode of a deleted log to the table that is made next, or to a log of the same name when the library
// is opened again, so it takes a name and the time when it was made to know a file by; what has no ending (MANIFEST) is made under another name and renamed, and
// keeps its number.
func (c *camera) id(st *unix.Statx_t, name string) uint64 {
	if filepath.Ext(name) == "" {
		name = ""
	}
	key := fmt.Sprint(st.Ino, " ", st.Btime.Sec, " ", st.Btime.Nsec, " ", name)
	if c.ids[key] == 0 {
		c.ids[key] = uint64(len(c.ids) + 1)
	}
	return c.ids[key]
}

func (c *camera) look(pid, tid int, regs syscall.PtraceRegs) error {
	var path, said string
	switch regs.Orig_rax {
	case unix.SYS_MSYNC:
		path = mapped(pid, regs.Rdi)
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, regs.Rdi))
	case unix.SYS_WRITE:
		if regs.Rdi != 1 {
			return nil
		}
		text := make([]byte, min(regs.Rdx, 200))
		if _, err := syscall.PtracePeekData(tid, uintptr(regs.Rsi), text); err != nil {
			return fmt.Errorf("read what the child says: %w", err)
		}
		said = strings.TrimSpace(string(text))
	default:
		return nil
	}
	if said == "" && !strings.HasPrefix(path, c.dir) {
		return nil
	}
	e := event{said: said, folder: path == c.dir, names: map[string]uint64{}, bytes: map[uint64]*image{}}
	files, err := os.ReadDir(c.dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, f := range files {
		name := filepath.Join(c.dir, f.Name())
		var st unix.Statx_t
		if unix.Statx(unix.AT_FDCWD, name, 0, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		data, err := used(name)
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			return err
		}
		id := c.id(&st, f.Name())
		e.names[f.Name()] = id
		sum := sha256.Sum256(data)
		if have := c.seen[id]; have == nil || c.sums[id] != sum || have.size != int64(st.Size) {
			c.seen[id], c.sums[id] = &image{data, int64(st.Size)}, sum
		}
		e.bytes[id] = c.seen[id]
		if name == path {
			e.synced = id
		}
	}
	c.events = append(c.events, e)
	return nil
}

// used is a file up to its last byte that is not zero, found from where its data end: logs are 32 MB of nothing.
func used(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var data []byte
	for part := make([]byte, 128<<10); ; {
		n, err := f.Read(part)
		if err != nil || n == 0 {
			break
		}
		data = append(data, part[:n]...)
		if n == len(part) && len(bytes.TrimRight(part, "\x00")) == 0 {
			break
		}
	}
	return bytes.TrimRight(data, "\x00"), nil
}

// mapped is the file that a process has at an address.
func mapped(pid int, at uint64) string {
	text, err := fs.ReadFile(os.DirFS(fmt.Sprintf("/proc/%d", pid)), "maps")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		var from, to uint64
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && from <= at && at < to {
			if i := strings.IndexByte(line, '/'); i >= 0 {
				return strings.TrimSpace(line[i:])
			}
		}
	}
	return ""
}

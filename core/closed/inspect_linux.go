package closed

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Inspect reads what the kernel tells of this process.
func Inspect() (Process, error) {
	p := Process{PID: os.Getpid(), User: os.Geteuid()}
	var err error
	if p.Program, err = os.Readlink("/proc/self/exe"); err != nil {
		return p, fmt.Errorf("look at the program: %w", err)
	}
	if err := p.readThreads(); err != nil {
		return p, err
	}
	p.NoCore, p.Unreadable = hidden()
	if p.Descriptors, err = descriptors(); err != nil {
		return p, err
	}
	return p, p.readMaps()
}

func (p *Process) readThreads() error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, e := range entries {
		b, err := os.ReadFile("/proc/self/task/" + e.Name() + "/status")
		if err != nil {
			continue // the thread has ended
		}
		status := string(b)
		p.Threads++
		if seccomp, _ := strconv.Atoi(statusText(status, "Seccomp")); seccomp == unix.SECCOMP_MODE_FILTER {
			p.Filtered++
		}
		if statusText(status, "NoNewPrivs") == "1" {
			p.NoNewPrivs++
		}
		if e.Name() == strconv.Itoa(p.PID) {
			p.Capabilities = statusText(status, "CapEff")
		}
	}
	return nil
}

// statusText reads a line of /proc/PID/status; "" where it is missing.
func statusText(status, name string) string {
	for line := range strings.Lines(status) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// descriptors lists what is open, but for the folder that is read for it.
func descriptors() ([]Descriptor, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, fmt.Errorf("list descriptors: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list descriptors: %w", err)
	}
	all := []Descriptor{}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd == int(dir.Fd()) {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + name)
		if err != nil {
			continue // closed meanwhile
		}
		d := Descriptor{FD: fd, Target: target}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil {
			d.Write = flags&unix.O_ACCMODE != unix.O_RDONLY && flags&unix.O_PATH == 0
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			d.Kind = KindFile
		case unix.S_IFDIR:
			d.Kind = KindFolder
		case unix.S_IFIFO:
			d.Kind = KindPipe
		case unix.S_IFCHR, unix.S_IFBLK:
			d.Kind = KindDevice
			if strings.HasPrefix(target, "/dev/pts/") || strings.HasPrefix(target, "/dev/tty") {
				d.Kind = KindTerminal
			}
		case unix.S_IFSOCK:
			d.Kind = KindSocket
			if family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && family == unix.AF_UNIX {
				d.Kind = KindUnix
				d.Peer = address(fd)
			}
		default:
			d.Kind = KindAnonymous
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Descriptor) int { return a.FD - b.FD })
	return all, nil
}

// address is where a Unix socket is connected to or listens.
func address(fd int) string {
	for _, ask := range []func(int) (unix.Sockaddr, error){unix.Getpeername, unix.Getsockname} {
		if at, err := ask(fd); err == nil {
			if u, ok := at.(*unix.SockaddrUnix); ok && u.Name != "" {
				return strings.TrimRight(u.Name, "\x00")
			}
		}
	}
	return ""
}

// readMaps reads which files are in memory as code (proc(5), /proc/PID/maps).
func (p *Process) readMaps() error {
	raw, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("list what is in memory: %w", err)
	}
	p.Mapped = []string{}
	for line := range strings.Lines(string(raw)) {
		// address perms offset dev inode path
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.Contains(fields[1], "x") {
			continue
		}
		path := ""
		if at := strings.Index(line, "/"); len(fields) > 5 && at >= 0 {
			path = strings.TrimSuffix(line[at:], "\n")
		}
		switch {
		case path != "":
			p.Mapped = append(p.Mapped, path)
		case len(fields) == 5:
			p.Anonymous++
		}
	}
	slices.Sort(p.Mapped)
	p.Mapped = slices.Compact(p.Mapped)
	return nil
}

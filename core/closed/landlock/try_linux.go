package landlock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// try attempts what the rules refuse. What is not there, or would be refused by ordinary permissions as well, proves nothing and is left out.
func try(s State) []Attempt {
	granted := func(path string) bool {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		for _, g := range s.Grants {
			if path == g.Path || strings.HasPrefix(path, strings.TrimSuffix(g.Path, "/")+"/") {
				return true
			}
		}
		return false
	}
	attempts := []Attempt{}
	add := func(what string, err error) {
		switch {
		case err == nil:
			attempts = append(attempts, Attempt{What: what})
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EXDEV):
			attempts = append(attempts, Attempt{What: what, Refused: true, Error: err.Error()})
		}
	}
	seen := map[string]bool{}
	for _, path := range append([]string{"/", "/etc/passwd", "/etc/hostname", "/home", "/root", "/tmp"}, s.Outside...) {
		var st unix.Stat_t
		if seen[path] {
			continue
		}
		seen[path] = true
		// Landlock does not hide what is there: a path that may be looked up and read by its permissions is refused by the rules alone.
		if granted(path) || unix.Stat(path, &st) != nil || unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, 0) != nil {
			continue
		}
		what, flags := "open ", unix.O_RDONLY
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			what, flags = "list ", unix.O_RDONLY|unix.O_DIRECTORY
		}
		add(what+path, opened(path, flags))
		if st.Mode&unix.S_IFMT == unix.S_IFDIR && unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, 0) == nil {
			name := filepath.Join(path, ".kakoi-attempt")
			err := opened(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
			if err == nil {
				_ = unix.Unlink(name)
			}
			add("make a file in "+path, err)
		}
	}
	if shell := "/bin/sh"; !granted(shell) {
		var exit *exec.ExitError
		err := exec.Command(shell, "-c", ":").Run()
		if errors.As(err, &exit) {
			err = nil // it ran
		}
		add("run "+shell, err)
	}
	if parent := os.Getppid(); s.Signals && parent > 1 {
		add("send a signal to the program that started this one", unix.Kill(parent, 0))
	}
	return attempts
}

func opened(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

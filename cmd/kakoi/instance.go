package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

const (
	lockName   = "kakoi.lock"
	socketName = "kakoi.sock"
)

// runFunc runs one command for whoever gave it and returns its exit code.
type runFunc func(ctx context.Context, s *screen, r request) int

// owner is the process that holds a data folder's lock. Others may connect until Close.
type owner struct {
	lock     *os.File
	dir      *os.File // the data folder: the socket is reached through it, so that its path has no length limit
	listener *net.UnixListener

	mu     sync.Mutex
	ending bool
	inside map[*net.UnixConn]bool // guests that are in
	guests sync.WaitGroup
	run    runFunc
}

// own tries to become the owner of a data folder. Both results are nil when another process is.
func own(data string) (*owner, error) {
	lock, err := os.OpenFile(filepath.Join(data, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of %s: %w", data, err)
	}
	// The kernel drops the lock with the process, however that ends; the file itself means nothing.
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, fmt.Errorf("lock %s: %w", data, err)
	}
	return &owner{lock: lock, inside: map[*net.UnixConn]bool{}}, nil
}

// socketPath leads to the socket through an open folder: "/proc/self/fd/N/kakoi.sock" is short, whatever the folder's path
// (a socket's address has 108 bytes).
func socketPath(dir *os.File) string {
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), socketName)
}

// serve lets guests in; run is called for each in a goroutine of its own.
func (o *owner) serve(data string, run runFunc) error {
	// Whoever holds the lock may remove the socket: it is left from a process that was killed.
	if err := os.Remove(filepath.Join(data, socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old socket: %w", err)
	}
	dir, err := os.Open(data)
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	// Under its name it appears when it is ready, and closed to others.
	fresh := socketPath(dir) + ".new"
	if err = os.Remove(fresh); errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	var l *net.UnixListener
	if err == nil {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	}
	if err == nil {
		l.SetUnlinkOnClose(false) // it would be the old name
		if err = errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, socketPath(dir))); err != nil {
			l.Close()
		}
	}
	if err != nil {
		dir.Close()
		return fmt.Errorf("listen for other kakoi: %w", err)
	}
	o.dir, o.listener, o.run = dir, l, run
	go o.accept()
	return nil
}

func (o *owner) accept() {
	for {
		conn, err := o.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, most likely: guests try again
			slog.Warn("accept guest", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		// A guest that came while this process ends gets no answer, and becomes the owner itself.
		o.mu.Lock()
		if o.ending {
			o.mu.Unlock()
			conn.Close()
			continue
		}
		o.guests.Add(1)
		o.inside[conn] = true
		o.mu.Unlock()
		go func() {
			defer o.guests.Done()
			defer o.left(conn)
			if err := o.host(conn); err != nil {
				slog.Info("guest", "error", err)
			}
		}()
	}
}

func (o *owner) left(conn *net.UnixConn) {
	o.mu.Lock()
	delete(o.inside, conn)
	o.mu.Unlock()
	conn.Close()
}

// Dismiss lets nobody in any more and leaves the guests that are in: their commands are cancelled here, and begin
// again in a process of their own. Close waits for the end of it.
func (o *owner) Dismiss() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ending = true
	for conn := range o.inside {
		conn.Close()
	}
}

// Interrupt leaves the guests that are in, as Dismiss does, and waits until their commands have ended. Others are still let in.
func (o *owner) Interrupt(ctx context.Context) error {
	o.mu.Lock()
	var left []*net.UnixConn
	for conn := range o.inside {
		conn.Close()
		left = append(left, conn)
	}
	o.mu.Unlock()
	for _, conn := range left {
		for in := true; in; {
			o.mu.Lock()
			in = o.inside[conn]
			o.mu.Unlock()
			if in && !pause(ctx, 10*time.Millisecond) {
				return ctx.Err()
			}
		}
	}
	return nil
}

// host runs one guest's command.
func (o *owner) host(conn *net.UnixConn) error {
	if err := samePerson(conn); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	kind, payload, err := readFrame(conn)
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("guest: %w", err)
	}
	var r request
	if kind != frameRequest || json.Unmarshal(payload, &r) != nil || r.Protocol != protocol {
		return fmt.Errorf("guest of another version: %w", core.ErrUnsupported)
	}
	out := &frames{w: deadlineWriter{conn}}
	if err := out.write(frameTake, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lines := make(chan string, 1)
	go func() {
		defer cancel() // the guest is gone
		for {
			switch kind, payload, err := readFrame(conn); {
			case err != nil:
				return
			case kind == frameCancel:
				cancel()
			case kind == frameLine:
				select {
				case lines <- string(payload):
				default: // nobody asked
				}
			}
		}
	}()
	ask := func(how []byte) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if err := out.write(frameAsk, how); err != nil {
				return "", err
			}
			select {
			case line := <-lines:
				return line, nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	s := &screen{Out: stream{out, frameOut}, Err: stream{out, frameErr}, Tty: r.Tty, ask: ask(nil), secretly: ask(askSecretly)}
	code := o.run(ctx, s, r)
	return out.write(frameExit, []byte{byte(code)})
}

// deadlineWriter gives up on a guest that reads nothing for half a minute (a stopped process): its command is not
// to hold up the others.
type deadlineWriter struct{ conn *net.UnixConn }

func (w deadlineWriter) Write(p []byte) (int, error) {
	if err := w.conn.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	n, err := w.conn.Write(p)
	if err != nil {
		w.conn.Close() // ends the reader, which cancels the command
	}
	return n, err
}

// samePerson refuses a peer of another user.
func samePerson(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("peer of the socket: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return fmt.Errorf("peer of the socket: %w", err)
	}
	if credErr != nil {
		return fmt.Errorf("peer of the socket: %w", credErr)
	}
	if int(cred.Uid) != os.Getuid() {
		return fmt.Errorf("peer of the socket is user %d: %w", cred.Uid, os.ErrPermission)
	}
	return nil
}

// Close lets nobody in any more and waits for the guests that are in; waiting (nil is allowed) is called once when that
// takes over a second. The lock is held until Release.
func (o *owner) Close(waiting func()) {
	o.mu.Lock()
	o.ending = true
	o.mu.Unlock()
	if o.listener != nil {
		// Still under the lock: the next owner's socket is not there yet.
		if err := errors.Join(os.Remove(socketPath(o.dir)), o.listener.Close(), o.dir.Close()); err != nil {
			slog.Warn("close socket", "error", err)
		}
	}
	done := make(chan struct{})
	go func() { o.guests.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Second):
		if waiting != nil {
			waiting()
		}
		<-done
	}
}

// Release gives the data folder to the next process. The library must be closed by now.
func (o *owner) Release() { o.lock.Close() }

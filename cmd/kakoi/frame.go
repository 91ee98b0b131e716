package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"kakoi/core"
)

// protocol of the instance socket; the two sides may be of different versions while an update is installed.
const protocol = 1

// Frames of the instance socket: one byte of kind, four of length (big endian), the payload.
const (
	frameRequest = 'R' // guest: JSON of request; the first frame
	frameCancel  = 'C' // guest: Ctrl+C
	frameLine    = 'L' // guest: the person's answer to frameAsk
	frameTake    = 'A' // owner: the command will be run
	frameOut     = 'O' // owner: bytes for standard output
	frameErr     = 'E' // owner: bytes for standard error
	frameAsk     = 'Q' // owner: read a line from the person; askSecretly: without showing it
	frameExit    = 'X' // owner: one byte, the exit code; the last frame
)

const maxFrameBytes = 16 << 20 // arguments of the kernel's largest size are 2 MiB

// request is a command as a guest hands it over.
type request struct {
	Protocol int      `json:"protocol"`
	Args     []string `json:"args"`
	Dir      string   `json:"dir"`  // working folder, for relative paths
	Lang     string   `json:"lang"` // of the guest's environment
	Tty      ttys     `json:"tty"`
}

// frames writes whole frames from several goroutines.
type frames struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frames) write(kind byte, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	buf := make([]byte, 5, 5+len(payload))
	buf[0] = kind
	binary.BigEndian.PutUint32(buf[1:], uint32(len(payload)))
	if _, err := f.w.Write(append(buf, payload...)); err != nil {
		return fmt.Errorf("write frame %c: %w", kind, err)
	}
	return nil
}

// stream is the writer of one kind of frame.
type stream struct {
	f    *frames
	kind byte
}

func (s stream) Write(p []byte) (int, error) {
	if len(p) == 0 { // says that there is a result, before there is anything of it
		return 0, s.f.write(s.kind, nil)
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 1<<16)
		if err := s.f.write(s.kind, rest[:n]); err != nil {
			return len(p) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// readFrame returns io.EOF only between frames.
func readFrame(r io.Reader) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrameBytes {
		return 0, nil, fmt.Errorf("frame %c of %d bytes: %w", head[0], n, core.ErrTooLarge)
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, fmt.Errorf("read frame %c: %w", head[0], io.ErrUnexpectedEOF)
	}
	return head[0], payload, nil
}

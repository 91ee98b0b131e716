package weights

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"kakoi/core"
)

// Stream writes a safetensors file whose tensors are not all known beforehand: the header's room is kept free at the beginning and
// filled in at the end.
type Stream struct {
	path  string
	file  *os.File
	w     *bufio.Writer
	room  int64 // bytes of the header
	specs []Spec
}

// NewStream creates the file at path, mode 0600, for about so many tensors. The caller ends it with Close or Abort.
func NewStream(path string, tensors int) (*Stream, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write safetensors: %w", err)
	}
	// A member is its name, a type, a shape and two offsets; 8 KB more, so that few long names do no harm.
	s := &Stream{path: path, file: f, room: (int64(tensors)*256+8<<10)&^63 - 8}
	if _, err := f.Seek(8+s.room, io.SeekStart); err != nil {
		s.Abort()
		return nil, fmt.Errorf("write %q: %w", path, err)
	}
	s.w = bufio.NewWriterSize(f, 1<<20)
	return s, nil
}

// Add appends a tensor; data must be exactly its bytes, row-major and little-endian.
func (s *Stream) Add(spec Spec, data []byte) error {
	want, err := spec.bytes()
	if err != nil {
		return err
	}
	if int64(len(data)) != want {
		return fmt.Errorf("write tensor %q: %d bytes, want %d: %w", spec.Name, len(data), want, core.ErrDimension)
	}
	if _, err := s.w.Write(data); err != nil {
		return fmt.Errorf("write tensor %q: %w", spec.Name, err)
	}
	s.specs = append(s.specs, spec)
	return nil
}

// Close writes the header, syncs and closes the file; on an error it is removed.
func (s *Stream) Close() (err error) {
	defer func() {
		if err != nil {
			s.Abort()
		}
	}()
	header, err := safetensorsHeader(s.specs)
	if err != nil {
		return err
	}
	if int64(len(header)) > s.room {
		return fmt.Errorf("write %q: header of %d bytes: %w", s.path, len(header), core.ErrTooLarge)
	}
	head := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+s.room), uint64(s.room))
	head = append(head, header...)
	for int64(len(head)) < 8+s.room {
		head = append(head, ' ')
	}
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("write %q: %w", s.path, err)
	}
	if _, err := s.file.WriteAt(head, 0); err != nil {
		return fmt.Errorf("write %q: %w", s.path, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write %q: %w", s.path, err)
	}
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("write %q: %w", s.path, err)
	}
	return nil
}

// Abort gives the file up and removes it. It may be called after an error of Close.
func (s *Stream) Abort() error {
	err := s.file.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(s.path))
}

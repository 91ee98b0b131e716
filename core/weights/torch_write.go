package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"kakoi/core"
)

// storageNames are torch's classes of each type.
var storageNames = func() map[DType]string {
	m := map[DType]string{}
	for g, d := range storages {
		m[d] = string(g)
	}
	return m
}()

// writeTorch writes a file as torch.save does (protocol 2, format 3): a pickled OrderedDict and one uncompressed
// entry per tensor, aligned to 64 bytes.
func writeTorch(path string, specs []Spec, data func(i int, w io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write torch file: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(path)
		}
	}()
	at := &counter{w: f}
	z := zip.NewWriter(at)
	behind := int64(0) // the descriptor that closes the entry before
	entry := func(name string, fill func(io.Writer) error) error {
		h := &zip.FileHeader{Name: "archive/" + name, Method: zip.Store}
		if err := z.Flush(); err != nil {
			return err
		}
		// torch's own padding: an extra field "FB" long enough that the data begins at a multiple of 64.
		pad := (64 - (at.n+behind+30+int64(len(h.Name))+4)%64) % 64
		h.Extra = append([]byte{'F', 'B', byte(pad), 0}, bytes.Repeat([]byte{'Z'}, int(pad))...)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		c := &counter{w: w}
		err = fill(c)
		if behind = 16; c.n >= 1<<32-1 {
			behind = 24
		}
		return err
	}
	put := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(b); return err }
	}
	program, err := pickleSpecs(specs)
	if err != nil {
		return err
	}
	if err := entry("data.pkl", put(program)); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := entry("byteorder", put([]byte("little"))); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	for i, s := range specs {
		if err := entry(fmt.Sprintf("data/%d", i), func(w io.Writer) error { return data(i, w) }); err != nil {
			return fmt.Errorf("write tensor %q: %w", s.Name, err)
		}
	}
	if err := entry("version", put([]byte("3\n"))); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// pickleSpecs is the program that builds OrderedDict{name: _rebuild_tensor_v2(...)}; storage i has the key "i".
func pickleSpecs(specs []Spec) ([]byte, error) {
	var b bytes.Buffer
	text := func(s string) {
		b.WriteByte('X')
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		b.WriteString(s)
	}
	integer := func(v int64) {
		b.Write([]byte{0x8a, 8})
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
	}
	class := func(g string) {
		b.WriteByte('c')
		b.WriteString(string(bytes.ReplaceAll([]byte(g), []byte(" "), []byte("\n"))))
		b.WriteByte('\n')
	}
	b.Write([]byte{0x80, 2})
	class(string(gOrderedDict))
	b.WriteString(")R(")
	for i, s := range specs {
		n, err := s.bytes()
		if err != nil {
			return nil, err
		}
		name, ok := storageNames[s.DType]
		if !ok {
			return nil, fmt.Errorf("tensor %q of %v: %w", s.Name, s.DType, core.ErrUnsupported)
		}
		text(s.Name)
		class(string(gTensor))
		b.WriteString("((") // arguments, storage id
		text("storage")
		class(name)
		text(fmt.Sprint(i))
		text("cpu")
		integer(n / int64(s.DType.Size()))
		b.WriteString("tQ")
		integer(0)
		b.WriteByte('(')
		for _, d := range s.Shape {
			integer(d)
		}
		b.WriteString("t(")
		for k := range s.Shape {
			stride := int64(1)
			for _, d := range s.Shape[k+1:] {
				stride *= d
			}
			integer(stride)
		}
		b.WriteString("t\x89") // requires_grad
		class(string(gOrderedDict))
		b.WriteString(")RtR")
	}
	b.WriteString("u.")
	return b.Bytes(), nil
}

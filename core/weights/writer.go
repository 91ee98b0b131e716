package weights

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"kakoi/core"
)

// Spec describes a tensor to be written.
type Spec struct {
	Name  string
	DType DType
	Shape []int64
}

// bytes is the size of the tensor's data.
func (s Spec) bytes() (int64, error) {
	n, err := byteSize(s.Shape, s.DType)
	if err == nil && s.DType.Size() == 0 {
		err = fmt.Errorf("type %v", s.DType)
	}
	if err != nil {
		return 0, fmt.Errorf("tensor %q: %w: %w", s.Name, err, core.ErrCorrupt)
	}
	return n, nil
}

// WriteSafetensors writes a safetensors file of the given tensors in the given order, mode 0600. data is asked for
// each in turn and must write exactly its bytes, row-major and little-endian. The file is synced; on an error it is
// removed.
func WriteSafetensors(path string, specs []Spec, data func(i int, w io.Writer) error) (err error) {
	header, err := safetensorsHeader(specs)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write safetensors: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(path)
		}
	}()
	if err := encodeSafetensors(f, header, specs, data); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// EncodeSafetensors writes what WriteSafetensors has in its file into w.
func EncodeSafetensors(w io.Writer, specs []Spec, data func(i int, w io.Writer) error) error {
	header, err := safetensorsHeader(specs)
	if err != nil {
		return err
	}
	return encodeSafetensors(w, header, specs, data)
}

func encodeSafetensors(to io.Writer, header []byte, specs []Spec, data func(i int, w io.Writer) error) error {
	w := bufio.NewWriterSize(to, 1<<20)
	if err := binary.Write(w, binary.LittleEndian, uint64(len(header))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for i, s := range specs {
		want, err := s.bytes()
		if err != nil {
			return err
		}
		c := &counter{w: w}
		if err := data(i, c); err != nil {
			return fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		if c.n != want {
			return fmt.Errorf("tensor %q: %d bytes, want %d: %w", s.Name, c.n, want, core.ErrDimension)
		}
	}
	return w.Flush()
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// safetensorsHeader is the JSON, padded with spaces so that the data begins at a multiple of 64 bytes.
func safetensorsHeader(specs []Spec) ([]byte, error) {
	type member struct {
		DType   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	h := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	at := int64(0)
	for _, s := range specs {
		n, err := s.bytes()
		if err != nil {
			return nil, err
		}
		if _, twice := h[s.Name]; twice || s.Name == "" {
			return nil, fmt.Errorf("write safetensors: tensor %q twice or without a name: %w", s.Name, core.ErrUsage)
		}
		h[s.Name] = member{s.DType.String(), append([]int64{}, s.Shape...), [2]int64{at, at + n}}
		at += n
	}
	header, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("write safetensors: %w", err)
	}
	return append(header, slices.Repeat([]byte{' '}, (64-(8+len(header))%64)%64)...), nil
}

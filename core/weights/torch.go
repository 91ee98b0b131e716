package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"kakoi/core"
)

// parseTorch reads the directory of a torch.save zip: its pickle names the tensors, their bytes lie uncompressed in
// the entries data/KEY and are used where they are.
func parseTorch(m *mapping) (map[string]entry, error) {
	z, err := zip.NewReader(bytes.NewReader(m.data), int64(len(m.data)))
	if err != nil {
		if len(m.data) > 2 && m.data[0] == 0x80 {
			return nil, core.Explain(fmt.Errorf("read %q: torch format before 1.6: %w", m.name, core.ErrUnsupported), "error.model.oldtorch", m.name)
		}
		return nil, truncated(m.name, err)
	}
	members := map[string]*zip.File{}
	var pickled *zip.File
	for _, f := range z.File {
		_, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			continue
		}
		if name == "data.pkl" {
			pickled = f
		}
		members[name] = f
	}
	if pickled == nil {
		return nil, corrupt(m.name, errors.New("no data.pkl"))
	}
	if f := members["byteorder"]; f != nil {
		if b, err := readEntry(f, 16); err != nil || string(b) != "little" {
			return nil, corrupt(m.name, fmt.Errorf("byte order %q: %w", b, core.ErrUnsupported))
		}
	}
	program, err := readEntry(pickled, maxHeaderBytes)
	if err != nil {
		return nil, corrupt(m.name, err)
	}
	tensors, err := unpickle(program)
	var bad *refused
	if errors.As(err, &bad) {
		return nil, core.Explain(fmt.Errorf("read %q: %w: %w", m.name, err, core.ErrUnsupported), "error.model.pickle", m.name, bad.name)
	}
	if err != nil {
		return nil, corrupt(m.name, err)
	}
	entries := make(map[string]entry, len(tensors))
	for name, t := range tensors {
		e, err := t.locate(m, members["data/"+t.storage.key])
		if err != nil {
			return nil, corrupt(m.name, fmt.Errorf("tensor %q: %w", name, err))
		}
		entries[name] = e
	}
	return entries, nil
}

func readEntry(f *zip.File, limit uint64) ([]byte, error) {
	if f.UncompressedSize64 > limit {
		return nil, fmt.Errorf("entry %q of %d bytes: %w", f.Name, f.UncompressedSize64, core.ErrTooLarge)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(limit)))
}

// locate finds the tensor's bytes in the mapped file.
func (t rebuilt) locate(m *mapping, f *zip.File) (entry, error) {
	if f == nil {
		return entry{}, fmt.Errorf("no data %q", t.storage.key)
	}
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
		return entry{}, fmt.Errorf("data %q is compressed: %w", t.storage.key, core.ErrUnsupported)
	}
	start, err := f.DataOffset()
	if err != nil {
		return entry{}, err
	}
	size := int64(t.storage.dtype.Size())
	held := int64(min(f.UncompressedSize64, 1<<62))
	if start > int64(len(m.data)) || held > int64(len(m.data))-start || held/size < t.storage.n {
		return entry{}, fmt.Errorf("data %q is short", t.storage.key)
	}
	bytes, err := byteSize(t.shape, t.storage.dtype)
	if err != nil {
		return entry{}, err
	}
	n := bytes / size
	last, contiguous, err := t.extent()
	if err != nil {
		return entry{}, err
	}
	// A stride of 0 could make a huge tensor of a few bytes.
	if n > 0 && (t.offset > t.storage.n || last >= t.storage.n-t.offset || n > t.storage.n) {
		return entry{}, fmt.Errorf("reaches outside its data")
	}
	e := entry{file: m, dtype: t.storage.dtype, shape: t.shape, begin: start + t.offset*size}
	if contiguous || n == 0 {
		e.end = e.begin + n*size
		if n == 0 {
			e.begin, e.end = start, start
		}
		return e, nil
	}
	e.end, e.stride = e.begin+(last+1)*size, t.stride
	return e, nil
}

// extent is the largest element index the strides reach, and whether they are those of a row-major tensor.
func (t rebuilt) extent() (last int64, contiguous bool, err error) {
	contiguous = true
	run := int64(1)
	for i := len(t.shape) - 1; i >= 0; i-- {
		d, s := t.shape[i], t.stride[i]
		if d == 0 {
			return 0, true, nil
		}
		if d > 1 && s != run {
			contiguous = false
		}
		if s > 1<<46 || d > 1<<46 || (s > 0 && d-1 > (1<<46)/s) {
			return 0, false, fmt.Errorf("strides %v", t.stride)
		}
		last += (d - 1) * s
		run *= d
	}
	return last, contiguous, nil
}

// gather copies a strided tensor into row-major order. data begins at the tensor's first element.
func gather(data []byte, e entry) []byte {
	size := int64(e.dtype.Size())
	n := int64(1)
	for _, d := range e.shape {
		n *= d
	}
	out := make([]byte, 0, n*size)
	index := make([]int64, len(e.shape))
	for range n {
		at := int64(0)
		for i, x := range index {
			at += x * e.stride[i]
		}
		out = append(out, data[at*size:(at+1)*size]...)
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < e.shape[i] {
				break
			}
			index[i] = 0
		}
	}
	return out
}

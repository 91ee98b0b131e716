package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"kakoi/core"
)

const (
	maxHeaderBytes = 100_000_000 // the format's own limit
	maxDimensions  = 8
)

// entry is where a tensor lies.
type entry struct {
	file   *mapping
	dtype  DType
	shape  []int64
	begin  int64   // byte in file
	end    int64   // one past the last byte of a contiguous tensor, or of its storage
	stride []int64 // in elements; nil when contiguous
}

type headerTensor struct {
	DType   string    `json:"dtype"`
	Shape   []int64   `json:"shape"`
	Offsets *[2]int64 `json:"data_offsets"`
}

// parseSafetensors reads the header of a mapped file and checks that the tensors tile the data exactly, as the
// format demands. No data is read.
func parseSafetensors(m *mapping) (map[string]entry, error) {
	total := int64(len(m.data))
	if total < 8 {
		return nil, truncated(m.name, fmt.Errorf("%d bytes, no header", total))
	}
	length := binary.LittleEndian.Uint64(m.data)
	if length > maxHeaderBytes {
		return nil, core.Explain(fmt.Errorf("header of %q: %d bytes: %w", m.name, length, core.ErrTooLarge), "error.model.header", m.name)
	}
	if int64(length) > total-8 {
		return nil, truncated(m.name, fmt.Errorf("header of %d bytes in a file of %d", length, total))
	}
	header := m.data[8 : 8+length]
	if len(header) == 0 || header[0] != '{' {
		return nil, corrupt(m.name, fmt.Errorf("header is not a JSON object"))
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, corrupt(m.name, err)
	}
	delete(raw, "__metadata__")
	base := 8 + int64(length)
	entries := make(map[string]entry, len(raw))
	for name, text := range raw {
		e, err := parseHeaderTensor(text)
		if err != nil {
			return nil, corrupt(m.name, fmt.Errorf("tensor %q: %w", name, err))
		}
		e.file, e.begin, e.end = m, base+e.begin, base+e.end
		entries[name] = e
	}
	return entries, tile(m, base, entries)
}

// parseHeaderTensor checks one header member; the offsets stay relative to the data.
func parseHeaderTensor(text []byte) (entry, error) {
	var h headerTensor
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return entry{}, err
	}
	if h.Offsets == nil || h.Shape == nil {
		return entry{}, fmt.Errorf("no shape or offsets")
	}
	dtype, ok := ParseDType(h.DType)
	if !ok {
		return entry{}, fmt.Errorf("type %q: %w", h.DType, core.ErrUnsupported)
	}
	want, err := byteSize(h.Shape, dtype)
	if err != nil {
		return entry{}, err
	}
	begin, end := h.Offsets[0], h.Offsets[1]
	if begin < 0 || end < begin || end-begin != want {
		return entry{}, fmt.Errorf("offsets %d to %d for %v %v", begin, end, dtype, h.Shape)
	}
	return entry{dtype: dtype, shape: h.Shape, begin: begin, end: end}, nil
}

// byteSize is the bytes of a tensor, with overflow refused.
func byteSize(shape []int64, d DType) (int64, error) {
	if len(shape) > maxDimensions {
		return 0, fmt.Errorf("%d dimensions", len(shape))
	}
	const limit = 1 << 46
	n := int64(d.Size())
	for _, s := range shape {
		if s < 0 || (s > 0 && n > limit/s) {
			return 0, fmt.Errorf("shape %v", shape)
		}
		n *= s
	}
	return n, nil
}

// tile checks that the tensors cover the data from base to the end of the file without holes or overlaps.
func tile(m *mapping, base int64, entries map[string]entry) error {
	order := make([]string, 0, len(entries))
	for name := range entries {
		order = append(order, name)
	}
	slices.SortFunc(order, func(a, b string) int {
		x, y := entries[a], entries[b]
		switch {
		case x.begin != y.begin:
			return int(min(1, max(-1, x.begin-y.begin)))
		default:
			return int(min(1, max(-1, x.end-y.end)))
		}
	})
	at := base
	for _, name := range order {
		e := entries[name]
		if e.end > int64(len(m.data)) {
			return truncated(m.name, fmt.Errorf("tensor %q ends at byte %d of %d", name, e.end, len(m.data)))
		}
		if e.begin != at {
			return corrupt(m.name, fmt.Errorf("tensor %q begins at byte %d, the one before ends at %d", name, e.begin, at))
		}
		at = e.end
	}
	if at != int64(len(m.data)) {
		return corrupt(m.name, fmt.Errorf("%d bytes after the last tensor", int64(len(m.data))-at))
	}
	return nil
}

func truncated(file string, err error) error {
	return core.Explain(fmt.Errorf("read %q: %w: %w", file, err, core.ErrCorrupt), "error.model.truncated", file)
}

func corrupt(file string, err error) error {
	return core.Explain(fmt.Errorf("read %q: %w: %w", file, err, core.ErrCorrupt), "error.model.corrupt", file)
}

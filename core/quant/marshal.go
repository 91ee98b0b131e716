package quant

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"kakoi/core"
)

// Suffixes of the tensors that bitsandbytes keeps beside a weight called NAME.
const (
	keyAbsmax    = ".absmax"
	keyMap       = ".quant_map"
	keyAbsmax2   = ".nested_absmax"
	keyMap2      = ".nested_quant_map"
	keyState     = ".quant_state.bitsandbytes__nf4"
	keyStateFP4  = ".quant_state.bitsandbytes__fp4"
	maxStateJSON = 64 << 10
)

// Entry is one tensor of a quantised weight as a checkpoint holds it.
type Entry struct {
	Suffix string // "" is the packed weight itself
	DType  string // safetensors' name: "U8" or "F32"
	Shape  []int64
	Data   []byte
}

type stateJSON struct {
	QuantType    string   `json:"quant_type"`
	BlockSize    int      `json:"blocksize"`
	DType        string   `json:"dtype"`
	Shape        []int64  `json:"shape"`
	NestedBlock  int      `json:"nested_blocksize"`
	NestedDType  string   `json:"nested_dtype"`
	NestedOffset *float64 `json:"nested_offset"`
}

// Is reports whether the weight whose tensors has(suffix) knows of is stored by bitsandbytes in 4 bits.
func Is(has func(suffix string) bool) bool {
	return has(keyState) || has(keyStateFP4)
}

// Companion reports whether a tensor's name is one of those that belong to a 4-bit weight, and that weight's name.
func Companion(name string) (weight string, ok bool) {
	for _, k := range []string{keyAbsmax2, keyMap2, keyState, keyStateFP4, keyAbsmax, keyMap} {
		if w, found := strings.CutSuffix(name, k); found {
			return w, true
		}
	}
	return "", false
}

// Unmarshal builds the State of a weight from its tensors: get returns the bytes of the tensor with the given
// suffix and whether there is one; "" asks for the packed weight. The State refers to those bytes.
//
// FP4 is core.ErrUnsupported; sizes that do not fit together are core.ErrCorrupt.
func Unmarshal(get func(suffix string) ([]byte, bool)) (*State, error) {
	if _, fp4 := get(keyStateFP4); fp4 {
		return nil, fmt.Errorf("4-bit type fp4: %w", core.ErrUnsupported)
	}
	raw, ok := get(keyState)
	if !ok || len(raw) > maxStateJSON {
		return nil, fmt.Errorf("quant_state missing or too long: %w", core.ErrCorrupt)
	}
	var j stateJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return nil, fmt.Errorf("quant_state: %v: %w", err, core.ErrCorrupt)
	}
	if j.QuantType != "nf4" {
		return nil, fmt.Errorf("4-bit type %q: %w", j.QuantType, core.ErrUnsupported)
	}
	if j.BlockSize < 32 || j.BlockSize > 4096 || j.BlockSize&(j.BlockSize-1) != 0 {
		return nil, fmt.Errorf("block size %d: %w", j.BlockSize, core.ErrCorrupt)
	}
	n, err := elements(j.Shape)
	if err != nil {
		return nil, err
	}
	s := &State{Shape: j.Shape, DType: j.DType, BlockSize: j.BlockSize}
	blocks := (n + j.BlockSize - 1) / j.BlockSize

	want := func(suffix string, bytes int) []byte {
		b, found := get(suffix)
		if err == nil && (!found || len(b) != bytes) {
			err = fmt.Errorf("tensor %q has %d bytes, want %d: %w", suffix, len(b), bytes, core.ErrCorrupt)
		}
		return b
	}
	s.Packed = want("", (n+1)/2)
	codes := want(keyMap, 16*4)
	if _, nested := get(keyAbsmax2); !nested {
		absmax := want(keyAbsmax, blocks*4)
		if err != nil {
			return nil, err
		}
		s.Absmax = floats(absmax)
	} else {
		if j.NestedOffset == nil || j.NestedBlock <= 0 || j.NestedBlock > 1<<20 || j.NestedDType != "float32" {
			return nil, fmt.Errorf("quant_state of a nested weight: %w", core.ErrCorrupt)
		}
		q := want(keyAbsmax, blocks)
		absmax := want(keyAbsmax2, (blocks+j.NestedBlock-1)/j.NestedBlock*4)
		m := want(keyMap2, 256*4)
		if err != nil {
			return nil, err
		}
		s.Nested = &Nested{Codes: q, Absmax: floats(absmax), Offset: float32(*j.NestedOffset), BlockSize: j.NestedBlock}
		copy(s.Nested.Map[:], floats(m))
	}
	copy(s.Map[:], floats(codes))
	return s, nil
}

// Marshal returns the tensors that bitsandbytes would store for the weight, the packed weight first.
func (s *State) Marshal() []Entry {
	out := []Entry{{"", "U8", []int64{int64(len(s.Packed)), 1}, s.Packed}}
	if n := s.Nested; n != nil {
		out = append(out, Entry{keyAbsmax, "U8", []int64{int64(len(n.Codes))}, n.Codes})
	} else {
		out = append(out, Entry{keyAbsmax, "F32", []int64{int64(len(s.Absmax))}, bytesOf(s.Absmax)})
	}
	out = append(out, Entry{keyMap, "F32", []int64{16}, bytesOf(s.Map[:])})
	if n := s.Nested; n != nil {
		out = append(out, Entry{keyAbsmax2, "F32", []int64{int64(len(n.Absmax))}, bytesOf(n.Absmax)},
			Entry{keyMap2, "F32", []int64{256}, bytesOf(n.Map[:])})
	}
	j := s.stateJSON()
	return append(out, Entry{keyState, "U8", []int64{int64(len(j))}, j})
}

// stateJSON is byte for byte what Python's json.dumps gives.
func (s *State) stateJSON() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"quant_type": "nf4", "blocksize": %d, "dtype": %q, "shape": [`, s.BlockSize, s.DType)
	for i, d := range s.Shape {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
	if n := s.Nested; n != nil {
		fmt.Fprintf(&b, `, "nested_blocksize": %d, "nested_dtype": "float32", "nested_offset": %s`, n.BlockSize, pythonFloat(float64(n.Offset)))
	}
	b.WriteByte('}')
	return []byte(b.String())
}

// pythonFloat is repr(v): shortest digits, an exponent only below 1e-4 and from 1e16 on.
func pythonFloat(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	t := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(t, ".") {
		t += ".0"
	}
	return t
}

func floats(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func bytesOf(f []float32) []byte {
	out := make([]byte, 0, 4*len(f))
	for _, v := range f {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

package weights

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"kakoi/core"
)

func TestPickleLimits(t *testing.T) {
	for name, c := range map[string]struct {
		program string
		is      error
	}{
		"empty":            {"", errPickle},
		"stop":             {".", errPickle},
		"huge string":      {"\x80\x02X\xff\xff\xff\xff", errPickle},
		"no memo":          {"h\x07.", errPickle},
		"unknown opcode":   {"i", core.ErrUnsupported},
		"instance":         {"(cposix\nsystem\no.", nil},
		"stack global":     {"\x8c\x02os\x8c\x06system\x93.", nil},
		"getattr":          {"cbuiltins\ngetattr\n.", nil},
		"eval":             {"c__builtin__\neval\n.", nil},
		"class as a value": {"}X\x01\x00\x00\x00actorch\nFloatStorage\ns.", core.ErrUnsupported},
		"call of a number": {"K\x01)R.", errPickle},
		"not a dict":       {"K\x01.", core.ErrUnsupported},
	} {
		_, err := unpickle([]byte(c.program))
		var r *refused
		if c.is != nil && !errors.Is(err, c.is) || c.is == nil && !errors.As(err, &r) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPickle(f *testing.F) {
	program, err := pickleSpecs([]Spec{{"a", F16, []int64{2, 3}}, {"b", F32, []int64{4}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(program)
	f.Add([]byte("\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."))
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, err := unpickle(b)
		if err == nil && len(tensors) == 0 {
			t.Error("neither tensors nor an error")
		}
	})
}

func FuzzSafetensorsHeader(f *testing.F) {
	for _, header := range []string{
		`{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}  `,
		`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`,
		`{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`,
	} {
		b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
		f.Add(append(append(b, header...), make([]byte, 12)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) { readAll(t, b, parseSafetensors) })
}

func FuzzTorchFile(f *testing.F) {
	for _, name := range []string{"odd.bin", "evil.bin", "old.bin"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { readAll(t, b, parseTorch) })
}

// readAll parses the bytes as a weight file and reads every tensor there is: no panic, no element outside the file,
// no error without a sentence.
func readAll(t *testing.T, b []byte, parse func(*mapping) (map[string]entry, error)) {
	entries, err := parse(&mapping{name: "fuzz", data: b})
	var sentence *core.UserError
	if err != nil && !errors.As(err, &sentence) {
		t.Errorf("an error without a sentence: %v", err)
	}
	if err != nil {
		return
	}
	f := &Folder{entries: entries}
	for name := range entries {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Data) != x.Elements()*x.DType.Size() {
			t.Fatalf("tensor %q %v %v has %d bytes", name, x.DType, x.Shape, len(x.Data))
		}
		if err := x.Float32(make([]float32, x.Elements())); err != nil {
			t.Fatal(err)
		}
	}
}

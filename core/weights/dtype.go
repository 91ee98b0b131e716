package weights

import "fmt"

// DType is the type of a tensor's elements.
type DType uint8

// The types that checkpoints of this kind hold.
const (
	F32 DType = iota + 1
	F16
	BF16
	F64
	I8
	U8
	I16
	I32
	I64
	BOOL
)

var dtypes = [...]struct {
	name string
	size int
}{F32: {"F32", 4}, F16: {"F16", 2}, BF16: {"BF16", 2}, F64: {"F64", 8}, I8: {"I8", 1}, U8: {"U8", 1}, I16: {"I16", 2}, I32: {"I32", 4}, I64: {"I64", 8}, BOOL: {"BOOL", 1}}

// String is the type's name in a safetensors header.
func (d DType) String() string {
	if d == 0 || int(d) >= len(dtypes) {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypes[d].name
}

// Size is the bytes of one element, 0 for an unknown type.
func (d DType) Size() int {
	if int(d) >= len(dtypes) {
		return 0
	}
	return dtypes[d].size
}

// Float reports whether elements are floating-point numbers.
func (d DType) Float() bool { return d == F32 || d == F16 || d == BF16 || d == F64 }

// ParseDType returns the type of a safetensors name.
func ParseDType(name string) (DType, bool) {
	for d := F32; d <= BOOL; d++ {
		if dtypes[d].name == name {
			return d, true
		}
	}
	return 0, false
}

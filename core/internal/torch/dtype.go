//go:build torch

package torch

import "fmt"

// DType is the element type of a Tensor, with libtorch's numbers (at::ScalarType).
type DType int32

const (
	Uint8    DType = 0
	Int8     DType = 1
	Int32    DType = 3
	Int64    DType = 4
	Float16  DType = 5
	Float32  DType = 6
	Bool     DType = 11
	BFloat16 DType = 15
)

// Size is the number of bytes of one element.
func (d DType) Size() int {
	switch d {
	case Uint8, Int8, Bool:
		return 1
	case Float16, BFloat16:
		return 2
	case Int64:
		return 8
	}
	return 4
}

func (d DType) String() string {
	switch d {
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Float16:
		return "fp16"
	case Float32:
		return "fp32"
	case Bool:
		return "bool"
	case BFloat16:
		return "bf16"
	}
	return fmt.Sprintf("dtype %d", int32(d))
}

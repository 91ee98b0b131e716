// Package wire is what the client and the service of the engine must agree on beside the schema: limits, how
// vectors are packed, and how errors cross the process border without losing what errors.Is and errors.As find.
package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakoi/core"
)

const (
	// Protocol is raised when the schema changes: kakoi and kakoi-engine of different builds do not mix.
	Protocol = 7

	// MaxMessage bounds one gRPC message, bytes. The client splits what could be larger.
	MaxMessage = 64 << 20

	// Window is the flow-control window of HTTP/2: a batch of vectors fits without a round trip.
	Window = 4 << 20

	// CallID is the metadata key under which the client names its call.
	CallID = "kakoi-call"

	// Inspect is the metadata key under which the client asks for a Status whose proof is tried again and told in full.
	Inspect = "kakoi-inspect"
)

// PackVectors lays vectors of one dimension out as little-endian float32.
func PackVectors(vecs []core.Vector) (dimension int, packed []byte, err error) {
	if len(vecs) == 0 {
		return 0, nil, nil
	}
	dimension = len(vecs[0])
	packed = make([]byte, 0, 4*dimension*len(vecs))
	for i, v := range vecs {
		if len(v) != dimension {
			return 0, nil, fmt.Errorf("pack vector %d: %d values, the first has %d: %w", i, len(v), dimension, core.ErrDimension)
		}
		for _, x := range v {
			packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(x))
		}
	}
	return dimension, packed, nil
}

// UnpackVectors is the inverse of PackVectors for n vectors.
func UnpackVectors(n, dimension int, packed []byte) ([]core.Vector, error) {
	if dimension < 0 || len(packed) != 4*n*dimension || n > 0 && dimension == 0 {
		return nil, fmt.Errorf("unpack %d vectors of %d values from %d bytes: %w", n, dimension, len(packed), core.ErrCorrupt)
	}
	values := make([]float32, n*dimension)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
	}
	vecs := make([]core.Vector, n)
	for i := range vecs {
		vecs[i] = values[i*dimension : (i+1)*dimension : (i+1)*dimension]
	}
	return vecs, nil
}

// Bytes turns texts into the form of the schema.
func Bytes(texts []string) [][]byte {
	b := make([][]byte, len(texts))
	for i, t := range texts {
		b[i] = []byte(t)
	}
	return b
}

// Strings is the inverse of Bytes.
func Strings(b [][]byte) []string {
	texts := make([]string, len(b))
	for i, t := range b {
		texts[i] = string(t)
	}
	return texts
}

package hnsw

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"kakoi/core"
)

// query is the left side of scores: a vector asked for, or a slot.
type query struct {
	code  []int8  // [stride]
	wide  []int16 // [stride], for kernels that want it
	scale float32
	shift int32   // what the 128 of the other side adds
	base  float32 // what every score has
	bias  bool    // the bias of the other side counts
}

func (x *Index) newQuery() query {
	q := query{code: aligned[int8](x.stride)}
	if x.kernel.wide {
		q.wide = aligned[int16](x.stride)
	}
	return q
}

// aligned makes n numbers that begin at a multiple of 64 bytes.
func aligned[T any](n int) []T {
	var one T
	size := int(unsafe.Sizeof(one))
	raw := make([]T, n+64/size)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw)))&63) / size
	return raw[skip : skip+n : skip+n]
}

func (q *query) pointer() unsafe.Pointer {
	if q.wide != nil {
		return unsafe.Pointer(unsafe.SliceData(q.wide))
	}
	return unsafe.Pointer(unsafe.SliceData(q.code))
}

func (q *query) widen() {
	if q.wide != nil {
		for i, c := range q.code {
			q.wide[i] = int16(c)
		}
	}
}

// ask makes q of a vector: v times a slot's vector is v times the centre, which is the same for all slots and left out, and
// v times what is left, which the code is of.
func (x *Index) ask(q *query, v []float32) {
	most := uint32(0) // the bits of positive numbers are in the order of the numbers
	for _, f := range v {
		most = max(most, math.Float32bits(f)&^(1<<31))
	}
	largest := max(math.Float32frombits(most), 1e-20)
	q.scale = largest / 127
	by, sum := 127/largest, int32(0)
	code := q.code[:len(v)]
	for i, f := range v {
		c := round(f * by)
		code[i] = int8(c)
		sum += c
	}
	clear(q.code[len(v):])
	q.shift, q.base, q.bias = 128*sum, 0, false
	q.widen()
}

// left makes q of a slot. Both sides are then centre and rest:
// (m + a)(m + b) = mm + ma + mb + ab, where mb is the other side's bias.
func (x *Index) left(q *query, s uint32) {
	row := x.codes.some[int(s)*x.stride : (int(s)+1)*x.stride]
	to := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(q.code))), len(q.code))
	for i := 0; i+8 <= len(row); i += 8 { // 128 becomes 0
		binary.LittleEndian.PutUint64(to[i:], binary.LittleEndian.Uint64(row[i:])^0x8080808080808080)
	}
	a := &x.about.some[s]
	q.scale, q.shift, q.base, q.bias = x.scales.some[s], 128*a.sum, x.norm+a.bias, true
	q.widen()
}

// encode writes a vector into its slot.
func (x *Index) encode(s uint32, v []float32, label uint64) {
	row := x.codes.some[int(s)*x.stride : (int(s)+1)*x.stride]
	largest := float32(0)
	for i, f := range v {
		largest = max(largest, abs(f-x.centre[i]))
	}
	scale := max(largest, 1e-20) / 127
	a := &x.about.some[s]
	x.scales.some[s], a.sum, a.bias = scale, 0, 0
	for i := range row {
		row[i] = 128
	}
	for i, f := range v {
		c := round((f - x.centre[i]) / scale)
		row[i] = byte(c + 128)
		a.sum += c
		a.bias += x.centre[i] * float32(c) * scale
	}
	x.labels.some[s] = label
	if x.p.Resident {
		h := x.half.some[2*int(s)*x.stride : 2*(int(s)+1)*x.stride]
		clear(h)
		for i, f := range v {
			binary.LittleEndian.PutUint16(h[2*i:], narrow(f))
		}
	}
	x.dirty.code(s)
}

// wipe leaves nothing of a vector in its slot; level and rows stay the slot's.
func (x *Index) wipe(s uint32) {
	clear(x.codes.some[int(s)*x.stride : (int(s)+1)*x.stride])
	if x.p.Resident {
		clear(x.half.some[2*int(s)*x.stride : 2*(int(s)+1)*x.stride])
	}
	a := &x.about.some[s]
	x.scales.some[s], a.bias, a.sum = 0, 0, 0
	x.labels.some[s] = 0
	x.dirty.code(s)
}

// check refuses vectors of another width or with components that are no numbers.
func (x *Index) check(v []float32) error {
	if len(v) != x.p.Dimension {
		return fmt.Errorf("vector is %d wide, not %d: %w", len(v), x.p.Dimension, core.ErrDimension)
	}
	const most = 0x477fe000 // 65504; what is no number has more
	bad := uint32(0)
	for _, f := range v {
		bad |= (most - math.Float32bits(f)&^(1<<31)) >> 31
	}
	if bad == 0 {
		return nil
	}
	for i, f := range v {
		if a := abs(f); !(a <= 65504) {
			return fmt.Errorf("component %d of a vector is %v: %w", i, f, core.ErrCorrupt)
		}
	}
	return nil
}

func abs(f float32) float32 { return math.Float32frombits(math.Float32bits(f) &^ (1 << 31)) }

// round to the nearest whole number, for |f| up to 127 and a little.
func round(f float32) int32 {
	const magic = 3 << 22 // adding it leaves no bits behind the point
	return int32(math.Float32bits(f+magic)) - 0x4b400000
}

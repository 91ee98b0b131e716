package weights

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"kakoi/core"
)

// scanStep is the piece of a tensor between two looks at ctx.
const scanStep = 8 << 20

// finite scans every float of the folder for NaN and infinity: the numbers whose exponent is all ones.
func (f *Folder) finite(ctx context.Context, p core.Progress) error {
	type piece struct {
		name     string
		data     []byte
		dtype    DType
		at, size int
	}
	var pieces []piece
	var total int64
	for _, name := range f.names {
		e := f.entries[name]
		if !e.dtype.Float() {
			continue
		}
		data := e.file.data[e.begin:e.end]
		total += int64(len(data))
		for at := 0; at < len(data); at += scanStep {
			pieces = append(pieces, piece{name, data[at:min(len(data), at+scanStep)], e.dtype, at, e.dtype.Size()})
		}
	}
	var (
		next atomic.Int64
		mu   sync.Mutex
		done int64
		bad  error
		wg   sync.WaitGroup
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if bad == nil {
			bad = err
		}
		next.Store(int64(len(pieces)))
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			// A file that shrinks while it is mapped faults on access.
			debug.SetPanicOnFault(true)
			var x piece
			defer func() {
				if r := recover(); r != nil {
					fail(truncated(x.name, fmt.Errorf("file changed while being read: %v", r)))
				}
			}()
			for {
				i := next.Add(1) - 1
				if i >= int64(len(pieces)) {
					return
				}
				if err := ctx.Err(); err != nil {
					fail(err)
					return
				}
				x = pieces[i]
				if k := notFinite(x.data, x.dtype); k >= 0 {
					fail(core.Explain(fmt.Errorf("tensor %q, element %d: %w: %w", x.name, (x.at+k)/x.size, errNotFinite, core.ErrCorrupt), "error.model.finite", x.name))
					return
				}
				mu.Lock()
				done += int64(len(x.data))
				p.Report(core.Update{Stage: "verify", Done: done, Total: total, Note: x.name})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return bad
}

// notFinite returns the byte of a NaN or infinity, -1 without. Eight bytes are looked at at once: adding one to the
// lowest bit of an exponent carries into the sign's place exactly when all its bits are set.
func notFinite(data []byte, d DType) int {
	var exponents, one, carry uint64
	switch d {
	case F16:
		exponents, one, carry = 0x7c007c007c007c00, 0x0400040004000400, 0x8000800080008000
	case BF16:
		exponents, one, carry = 0x7f807f807f807f80, 0x0080008000800080, 0x8000800080008000
	case F32:
		exponents, one, carry = 0x7f8000007f800000, 0x0080000000800000, 0x8000000080000000
	case F64:
		exponents, one, carry = 0x7ff0000000000000, 0x0010000000000000, 0x8000000000000000
	}
	i := 0
	for ; i+8 <= len(data); i += 8 {
		if (binary.LittleEndian.Uint64(data[i:])&exponents+one)&carry != 0 {
			break
		}
	}
	for size := d.Size(); i+size <= len(data); i += size {
		if v := single(data[i:], d); math.IsNaN(v) || math.IsInf(v, 0) {
			return i
		}
	}
	return -1
}

func single(b []byte, d DType) float64 {
	if d == F64 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	var v [1]float32
	convert(v[:], b, d)
	return float64(v[0])
}

package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/tetratelabs/wazero/api"
)

// pdfLib is an instance of PDFium. What go-pdfium does not offer, and what is asked thousands of times, is called in the module itself;
// documents are opened and pages drawn by go-pdfium. One goroutine uses it at a time.
type pdfLib struct {
	pdfium.Pdfium
	stopped api.MutableGlobal
	memos   api.MutableGlobal
	memo    uint32
	memory  *pdfMemory
	begin   int  // bytes of it at the start
	trapped bool // a call ended in a trap: nothing is known of the module's state
	module  api.Module
	exports interface{ Fn(string) api.Function }
	stack   [16]uint64
	buffer  uint32 // in the module's memory
	size    uint32
}

// newPDFLib takes over an instance.
func newPDFLib(instance pdfium.Pdfium, memory *pdfMemory) (*pdfLib, error) {
	inner := instance.GetImplementation()
	exports, ok := inner.(interface{ Fn(string) api.Function })
	fields := reflect.Indirect(reflect.ValueOf(inner))
	if !ok || fields.Kind() != reflect.Struct {
		return nil, fmt.Errorf("pdfium: %T: %w", inner, errModule)
	}
	module := fields.FieldByName("Module")
	if !module.IsValid() {
		return nil, fmt.Errorf("pdfium: fields of %T: %w", inner, errModule)
	}
	l := &pdfLib{Pdfium: instance, exports: exports, memory: memory, begin: memory.size}
	if l.module, ok = module.Interface().(api.Module); !ok {
		return nil, fmt.Errorf("pdfium: fields of %T: %w", inner, errModule)
	}
	if l.stopped, ok = l.module.ExportedGlobal(stopGlobal).(api.MutableGlobal); !ok {
		return nil, fmt.Errorf("pdfium: no global %s: %w", stopGlobal, errModule)
	}
	if l.memos, ok = l.module.ExportedGlobal(memoGlobal).(api.MutableGlobal); !ok {
		return nil, fmt.Errorf("pdfium: no global %s: %w", memoGlobal, errModule)
	}
	return l, nil
}

// stop ends the call the instance is in, and later ones that take long, in a trap. It may be called at any time, also while a call runs; the
// instance's own Kill sets fields that a call reads, and closing the module frees what it uses, so both have to come after it.
func (l *pdfLib) stop() { l.stopped.Set(1) }

// call calls a function of the module: the result is its first, or 0.
func (l *pdfLib) call(name string, args ...uint64) (uint64, error) {
	fn := l.exports.Fn(name)
	if fn == nil {
		return 0, fmt.Errorf("pdfium: no function %s: %w", name, errModule)
	}
	l.stack[0] = 0
	copy(l.stack[:], args)
	if err := fn.CallWithStack(context.Background(), l.stack[:]); err != nil {
		l.trapped = true
		return 0, fmt.Errorf("pdfium: %s: %w", name, err)
	}
	return l.stack[0], nil
}

// number is call for functions that give an int.
func (l *pdfLib) number(name string, args ...uint64) (int, error) {
	n, err := l.call(name, args...)
	return int(int32(uint32(n))), err
}

// room is a stretch of the module's memory of at least n bytes, kept for the next call; what was in it is lost.
func (l *pdfLib) room(n int) (uint32, error) {
	if n <= int(l.size) {
		return l.buffer, nil
	}
	if n > maxRoom {
		return 0, fmt.Errorf("pdfium: %d bytes: %w", n, errModule)
	}
	if l.buffer != 0 {
		if _, err := l.call("free", uint64(l.buffer)); err != nil {
			return 0, err
		}
		l.buffer, l.size = 0, 0
	}
	n = max(n+n/2, 64<<10)
	at, err := l.call("malloc", uint64(n))
	if err != nil {
		return 0, err
	}
	if uint32(at) == 0 {
		return 0, errors.New("pdfium: out of memory")
	}
	l.buffer, l.size = uint32(at), uint32(n)
	return l.buffer, nil
}

const maxRoom = 1 << 28

// bytes are n bytes at an address of the module's memory. They stay what they are until the next call.
func (l *pdfLib) bytes(at uint32, n int) ([]byte, error) {
	b, ok := l.module.Memory().Read(at, uint32(n))
	if !ok {
		return nil, fmt.Errorf("pdfium: %d bytes at %d: %w", n, at, errModule)
	}
	return b, nil
}

// document is the module's own handle of a document that go-pdfium has opened.
func (l *pdfLib) document(ref references.FPDF_DOCUMENT) (uint64, error) {
	open := reflect.Indirect(reflect.ValueOf(l.GetImplementation())).FieldByName("documentRefs")
	if open.Kind() == reflect.Map {
		if doc := reflect.Indirect(open.MapIndex(reflect.ValueOf(ref))); doc.Kind() == reflect.Struct {
			if handle := reflect.Indirect(doc.FieldByName("handle")); handle.Kind() == reflect.Uint64 {
				return handle.Uint(), nil
			}
		}
	}
	return 0, fmt.Errorf("pdfium: document %s: %w", ref, errModule)
}

func float32At(b []byte, at int) float64 {
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[at:])))
}

package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	_ "unsafe" // go:linkname
)

// A call into WebAssembly that a context may stop costs a microsecond, and a page has thousands of characters. So two functions are added to
// PDFium's module, which ask about all characters and all lines of a page in one call. They are written here in the
// module's own code (WebAssembly Core Specification 2.0, chapter 5), and call what PDFium exports like any other caller, so a
// hostile file gains nothing by them.

// pdfiumWasm is the module that go-pdfium carries and hands to nobody.
//
//go:linkname pdfiumWasm github.com/klippa-app/go-pdfium/webassembly.pdfiumWasm
var pdfiumWasm []byte

const (
	charsFunction   = "kakoi_chars"   // (text page, from, to, out): a record of charSize bytes for each character
	objectsFunction = "kakoi_objects" // (page, out, most) records of objectSize bytes for paths, pictures and forms; gives how many

	charSize   = 64
	objectSize = 32
)

// Sections of a module, in the numbers of the specification.
const (
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionGlobal   = 6
	sectionExport   = 7
	sectionCode     = 10
)

// Opcodes and types used here.
const (
	opBlock, opLoop, opIf, opEnd, opBr, opBrIf = 0x02, 0x03, 0x04, 0x0b, 0x0c, 0x0d
	opCall, opDrop, opGet, opSet, opTee        = 0x10, 0x1a, 0x20, 0x21, 0x22
	opStore32, opStoreF32, opStore8            = 0x36, 0x38, 0x3a
	opConst, opEq, opNe, opGeS                 = 0x41, 0x46, 0x47, 0x4e
	opAdd, opOr, opDemote                      = 0x6a, 0x72, 0xb6
	typeI32, typeVoid                          = 0x7f, 0x40
)

var errModule = errors.New("not the module that was expected")

// withLoops adds the two functions to PDFium's module, to all of its loops what stops them (pdf_stop.go), and to some functions a memory (pdf_memo.go).
func withLoops(module []byte) ([]byte, error) {
	m, err := parseModule(module)
	if err != nil {
		return nil, err
	}
	chars, err := m.charsBody()
	if err != nil {
		return nil, err
	}
	objects, err := m.objectsBody()
	if err != nil {
		return nil, err
	}
	next, global := m.imported+uint32(len(m.kinds)), m.importedGlobals+m.globals
	memos, moves := map[uint32][]byte{}, []uint32{}
	if remembered(module) {
		place := func(function uint32) uint32 {
			at := slices.Index(moves, function)
			if at < 0 {
				at, moves = len(moves), append(moves, function)
			}
			return next + 3 + uint32(at)
		}
		if memos, err = memoBodies(global+1, place); err != nil {
			return nil, err
		}
	}
	types := uint32(len(m.params))
	four := []byte{0x60, 4, typeI32, typeI32, typeI32, typeI32, 0}
	three := []byte{0x60, 3, typeI32, typeI32, typeI32, 1, typeI32}
	none := []byte{0x60, 0, 0}
	m.kinds, m.params = append(m.kinds, types, types+1), append(m.params, 4, 3)
	var out bytes.Buffer
	out.Grow(len(module) + len(module)/8)
	out.Write(module[:8])
	for _, s := range m.sections {
		body := s.body
		switch s.id {
		case sectionType:
			body = grow(body, four, three, none)
		case sectionFunction:
			body = grow(body, leb(types), leb(types+1), leb(types+2))
			for _, f := range moves {
				body = grow(body, leb(m.kinds[f-m.imported]))
			}
		case sectionGlobal:
			zero := []byte{typeI32, typeMutable, opConst, 0, opEnd}
			body = grow(body, zero, zero)
		case sectionExport:
			body = grow(body, export(charsFunction, 0, next), export(objectsFunction, 0, next+1), export(stopGlobal, 3, global), export(memoGlobal, 3, global+1))
		case sectionCode:
			bodies, err := m.withStops(grow(body, chars, objects), next+2)
			if err != nil {
				return nil, err
			}
			bodies = append(bodies, checkBody(global))
			for _, f := range moves {
				bodies = append(bodies, bodies[f-m.imported])
				bodies[f-m.imported] = memos[f]
			}
			body = grow(leb(0), bodies...)
		}
		out.WriteByte(s.id)
		out.Write(leb(uint32(len(body))))
		out.Write(body)
	}
	return out.Bytes(), nil
}

// module is what has to be known of a module to add functions to it.
type module struct {
	sections        []section
	params          []uint32 // of each type of functions
	kinds           []uint32 // types of its own functions
	imported        uint32   // functions
	importedGlobals uint32
	globals         uint32 // of its own
	exports         map[string]uint32
}

type section struct {
	id   byte
	body []byte
}

// cursor reads the numbers and names of a module; what lies beyond its end is an error kept in bad.
type cursor struct {
	data []byte
	bad  bool
}

func (c *cursor) byte() byte {
	if len(c.data) == 0 {
		c.bad = true
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

func (c *cursor) number() uint32 {
	n, size := binary.Uvarint(c.data)
	if size <= 0 || n > math.MaxUint32 {
		c.bad, c.data = true, nil
		return 0
	}
	c.data = c.data[size:]
	return uint32(n)
}

func (c *cursor) take(n uint32) []byte {
	if uint64(n) > uint64(len(c.data)) {
		c.bad, c.data = true, nil
		return nil
	}
	out := c.data[:n]
	c.data = c.data[n:]
	return out
}

func parseModule(data []byte) (*module, error) {
	if len(data) < 8 || string(data[:4]) != "\x00asm" {
		return nil, fmt.Errorf("wasm header: %w", errModule)
	}
	m := &module{exports: map[string]uint32{}}
	for c := (&cursor{data: data[8:]}); len(c.data) > 0; {
		s := section{id: c.byte()}
		s.body = c.take(c.number())
		if c.bad {
			return nil, fmt.Errorf("wasm section %d: %w", s.id, errModule)
		}
		m.sections = append(m.sections, s)
		in := &cursor{data: s.body}
		switch s.id {
		case sectionType:
			m.types(in)
		case sectionFunction:
			for n := in.number(); n > 0 && !in.bad; n-- {
				m.kinds = append(m.kinds, in.number())
			}
		case sectionGlobal:
			m.globals = in.number()
		case sectionImport:
			m.imports(in)
		case sectionExport:
			for n := in.number(); n > 0 && !in.bad; n-- {
				name := string(in.take(in.number()))
				kind, index := in.byte(), in.number()
				if kind == 0 {
					m.exports[name] = index
				}
			}
		}
		if in.bad {
			return nil, fmt.Errorf("wasm section %d: %w", s.id, errModule)
		}
	}
	return m, nil
}

// imports counts the functions among what is imported: they have the first numbers.
func (m *module) imports(c *cursor) {
	for n := c.number(); n > 0 && !c.bad; n-- {
		c.take(c.number())
		c.take(c.number())
		kind := c.byte()
		switch kind {
		case 0: // function
			c.number()
			m.imported++
		case 1, 2: // table, memory
			if kind == 1 {
				c.byte()
			}
			limits := c.byte()
			c.number()
			if limits&1 != 0 {
				c.number()
			}
		case 3: // global
			c.byte()
			c.byte()
			m.importedGlobals++
		default:
			c.bad = true
		}
	}
}

// types counts what functions take.
func (m *module) types(c *cursor) {
	for n := c.number(); n > 0 && !c.bad; n-- {
		if c.byte() != 0x60 {
			c.bad = true
			return
		}
		params := c.number()
		c.take(params)
		c.take(c.number())
		m.params = append(m.params, params)
	}
}

func leb(n uint32) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// grow adds items to a section that begins with their number.
func grow(body []byte, items ...[]byte) []byte {
	c := &cursor{data: body}
	n := c.number()
	out := append(leb(n+uint32(len(items))), c.data...)
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}

func export(name string, kind byte, index uint32) []byte {
	return append(append(append(leb(uint32(len(name))), name...), kind), leb(index)...)
}

// code is the body of a function in the making.
type code struct {
	m   *module
	b   []byte
	err error
}

func (c *code) op(ops ...byte) { c.b = append(c.b, ops...) }
func (c *code) get(local ...byte) {
	for _, l := range local {
		c.op(opGet, l)
	}
}

// number pushes a constant, written as a signed LEB128.
func (c *code) number(n int32) {
	c.op(opConst)
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			c.op(b)
			return
		}
		c.op(b | 0x80)
	}
}

// at pushes the address in a local plus an offset.
func (c *code) at(local byte, offset int32) {
	c.get(local)
	c.number(offset)
	c.op(opAdd)
}

func (c *code) call(name string) {
	index, ok := c.m.exports[name]
	if !ok {
		c.err = errors.Join(c.err, fmt.Errorf("no function %s: %w", name, errModule))
	}
	c.op(opCall)
	c.b = append(c.b, leb(index)...)
}

// body ends a function with locals of the type i32.
func (c *code) body(locals byte) ([]byte, error) {
	c.op(opEnd)
	all := append([]byte{1, locals, typeI32}, c.b...)
	return append(leb(uint32(len(all))), all...), c.err
}

// Offsets in the record of a character. What belongs to its text object stands only where another one begins.
const (
	charCode      = 0  // i32
	charGenerated = 4  // byte: PDFium put it in
	charUnmapped  = 5  // byte: its font does not say what it means
	charFresh     = 6  // byte: the fields from charSizeAt on hold
	charBox       = 8  // f32 left, top, right, bottom
	charSizeAt    = 24 // f32 font size, before the matrix
	charWeight    = 28 // i32 font weight
	charMatrix    = 32 // f32 a to f
)

// charsBody is, with the locals i, object, last:
//
//	for i = from; i < to; i++ { ask about character i; out += charSize }
func (m *module) charsBody() ([]byte, error) {
	const page, from, to, out, object, last = 0, 1, 2, 3, 4, 5
	c := &code{m: m}
	ask := func(name string) {
		c.get(page, from)
		c.call(name)
	}
	c.op(opBlock, typeVoid, opLoop, typeVoid)
	c.get(from, to)
	c.op(opGeS, opBrIf, 1)
	c.get(out)
	ask("FPDFText_GetUnicode")
	c.op(opStore32, 2, charCode)
	c.get(out)
	ask("FPDFText_IsGenerated")
	c.op(opStore8, 0, charGenerated)
	c.get(out)
	ask("FPDFText_HasUnicodeMapError")
	c.op(opStore8, 0, charUnmapped)
	c.get(page, from)
	c.at(out, charBox)
	c.call("FPDFText_GetLooseCharBox")
	c.op(opDrop)
	c.get(out)
	c.number(0)
	c.op(opStore8, 0, charFresh)
	ask("FPDFText_GetTextObject")
	c.op(opTee, object, opGet, last, opNe, opIf, typeVoid)
	c.get(object)
	c.op(opSet, last)
	c.get(out)
	c.number(1)
	c.op(opStore8, 0, charFresh)
	c.get(out)
	ask("FPDFText_GetFontSize")
	c.op(opDemote, opStoreF32, 2, charSizeAt)
	c.get(out)
	ask("FPDFText_GetFontWeight")
	c.op(opStore32, 2, charWeight)
	c.get(page, from)
	c.at(out, charMatrix)
	c.call("FPDFText_GetMatrix")
	c.op(opDrop, opEnd)
	c.at(out, charSize)
	c.op(opSet, out)
	c.at(from, 1)
	c.op(opSet, from, opBr, 0, opEnd, opEnd)
	return c.body(2)
}

// Kinds of page objects (fpdf_edit.h), and offsets in their record.
const (
	objectPath, objectImage, objectForm = 2, 3, 5

	objectHandle = 0 // i32
	objectKind   = 4 // i32
	objectBox    = 8 // f32 left, bottom, right, top
)

// objectsBody is, with the locals i, all, object, kind, n:
//
//	for i = 0; i < all && n < most; i++ { if a path, a picture or a form { write it; out += objectSize; n++ } }
func (m *module) objectsBody() ([]byte, error) {
	const page, out, most, i, all, object, kind, n = 0, 1, 2, 3, 4, 5, 6, 7
	c := &code{m: m}
	c.get(page)
	c.call("FPDFPage_CountObjects")
	c.op(opSet, all)
	c.op(opBlock, typeVoid, opLoop, typeVoid)
	c.get(i, all)
	c.op(opGeS)
	c.get(n, most)
	c.op(opGeS, opOr, opBrIf, 1)
	c.get(page, i)
	c.call("FPDFPage_GetObject")
	c.op(opTee, object)
	c.call("FPDFPageObj_GetType")
	c.op(opSet, kind)
	c.get(kind)
	c.number(objectPath)
	c.op(opEq)
	c.get(kind)
	c.number(objectImage)
	c.op(opEq, opOr)
	c.get(kind)
	c.number(objectForm)
	c.op(opEq, opOr, opIf, typeVoid)
	c.get(out, object)
	c.op(opStore32, 2, objectHandle)
	c.get(out, kind)
	c.op(opStore32, 2, objectKind)
	c.get(object)
	for field := range int32(4) {
		c.at(out, objectBox+4*field)
	}
	c.call("FPDFPageObj_GetBounds")
	c.op(opDrop)
	c.at(out, objectSize)
	c.op(opSet, out)
	c.at(n, 1)
	c.op(opSet, n, opEnd)
	c.at(i, 1)
	c.op(opSet, i, opBr, 0, opEnd, opEnd)
	c.get(n)
	return c.body(5)
}

package ingest

import (
	"crypto/sha256"
	"encoding/hex"
)

// PDFium asks for the box of each character of a CID font twice, and each time looks the glyph up and unpacks its outline: two thirds of the time
// of a Japanese page. It asks for its number in the font (CID) four times, and each time searches a map of codes. Neither changes, so the module is made to
// remember both (tables of 8,192, in the instance's own memory) until a font goes. Functions of the module have no names; these numbers are those of one build.

// memoModule is the SHA-256 of the build; of another one nothing is remembered.
const memoModule = "f651270c675cac90702b762f4b95d2b34e365cdb374065e40af016f4f0f304ea"

// CPDF_CIDFont's functions (core/fpdfapi/font/cpdf_cidfont.cpp in PDFium), in the numbers of the module.
const (
	memoBox     = 5710 // GetCharBBox (result, font, code)
	memoCID     = 5709 // CIDFromCharCode (font, code) number
	memoDestroy = 3356 // destructor (font) font
	memoDelete  = 5715 // destructor that frees (font)
)

const (
	memoGlobal  = "kakoi_memo" // address of the tables, or 0
	memoEntries = 1 << 13
	memoEntry   = 32                      // bytes, of the boxes: font, code, 4 numbers
	memoCIDs    = memoEntries * memoEntry // where the table of numbers begins
	memoNumber  = 16                      // bytes, of the numbers: font, code, number
	memoBytes   = memoCIDs + memoEntries*memoNumber
)

// Opcodes that only remembering uses.
const (
	opReturn, opLoad32, opLoad64, opStore64 = 0x0f, 0x28, 0x29, 0x37
	opMul, opXor, opShl, opShrU             = 0x6c, 0x73, 0x74, 0x76
)

// remembered says whether a module is the one whose functions are known.
func remembered(module []byte) bool {
	sum := sha256.Sum256(module)
	return hex.EncodeToString(sum[:]) == memoModule
}

// memoBodies are the functions in the place of those that are remembered or forget: by number, what they do around the one moved to after.
func memoBodies(global uint32, moved func(function uint32) uint32) (map[uint32][]byte, error) {
	out := map[uint32][]byte{}
	var err error
	if out[memoBox], err = memoBoxBody(global, moved(memoBox)); err != nil {
		return nil, err
	}
	if out[memoCID], err = memoCIDBody(global, moved(memoCID)); err != nil {
		return nil, err
	}
	for _, f := range []uint32{memoDestroy, memoDelete} {
		c := &code{}
		c.global(global)
		c.op(opIf, typeVoid)
		c.global(global)
		c.number(0)
		c.number(memoBytes)
		c.op(0xfc, 0x0b, 0, opEnd) // memory.fill
		c.get(0)
		c.op(opCall)
		c.b = append(c.b, leb(moved(f))...)
		if out[f], err = c.body(0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// memoBoxBody is, with the local slot:
//
//	if memo == 0 { return original(out, font, code) }
//	slot = memo + hash(font, code) * memoEntry
//	if slot is not of font and code { mark slot as nobody's; original(slot+8, font, code); mark it as theirs }
//	copy the box from slot to out
func memoBoxBody(global, original uint32) ([]byte, error) {
	const out, font, char, slot = 0, 1, 2, 3
	c := &code{}
	call := func() {
		c.get(font, char)
		c.op(opCall)
		c.b = append(c.b, leb(original)...)
	}
	c.global(global)
	c.op(opEqzI32, opIf, typeVoid)
	c.get(out)
	call()
	c.op(opReturn, opEnd)
	c.slot(global, 0, 5, font, char, slot)
	c.at(slot, 8)
	call()
	c.get(slot, font)
	c.op(opStore32, 2, 0)
	c.get(slot, char)
	c.op(opStore32, 2, 4, opEnd)
	for _, at := range []byte{0, 8} {
		c.get(out, slot)
		c.op(opLoad64, 3, 8+at, opStore64, 2, at)
	}
	return c.body(1)
}

// memoCIDBody is, with the local slot:
//
//	if memo == 0 { return original(font, code) }
//	slot = memo + memoCIDs + hash(font, code) * memoNumber
//	if slot is not of font and code { mark slot as nobody's; its number = original(font, code); mark it as theirs }
//	return the number in slot
func memoCIDBody(global, original uint32) ([]byte, error) {
	const font, char, slot = 0, 1, 2
	c := &code{}
	call := func() {
		c.get(font, char)
		c.op(opCall)
		c.b = append(c.b, leb(original)...)
	}
	c.global(global)
	c.op(opEqzI32, opIf, typeVoid)
	call()
	c.op(opReturn, opEnd)
	c.slot(global, memoCIDs, 4, font, char, slot)
	c.get(slot)
	call()
	c.op(opStore32, 2, 8)
	c.get(slot, font)
	c.op(opStore32, 2, 0)
	c.get(slot, char)
	c.op(opStore32, 2, 4, opEnd)
	c.get(slot)
	c.op(opLoad32, 2, 8)
	return c.body(1)
}

// slot sets a local to the place of font and char in the table at an offset, whose entries have 1<<size bytes, and begins the block of what is to be
// done where the place is another's: it is nobody's until it is marked, should a call not come back.
func (c *code) slot(global uint32, offset, size int32, font, char, slot byte) {
	c.get(font, char)
	c.op(opXor)
	c.number(-1640531535) // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4)
	c.op(opMul)
	c.number(32 - 13)
	c.op(opShrU)
	c.number(size)
	c.op(opShl)
	c.global(global)
	c.op(opAdd)
	c.number(offset)
	c.op(opAdd, opSet, slot)
	c.get(slot)
	c.op(opLoad32, 2, 0)
	c.get(font)
	c.op(opEq)
	c.get(slot)
	c.op(opLoad32, 2, 4)
	c.get(char)
	c.op(opEq, opAnd, opEqzI32, opIf, typeVoid)
	c.get(slot)
	c.number(0)
	c.op(opStore32, 2, 0)
}

func (c *code) global(index uint32) {
	c.op(opGlobalGet)
	c.b = append(c.b, leb(index)...)
}

// remember tells the instance where its table is.
func (l *pdfLib) remember(at uint32) {
	l.memo = at
	l.memos.Set(uint64(at))
}

package ingest

import (
	"crypto/sha256"
	"encoding/hex"
)

// PDFium asks for the box of each character of a CID font twice, and each time looks the glyph up and unpacks its outline: two thirds of the time
// of a Japanese page. The boxes of a font do not change, so the module is made to remember them (a table of 8,192, in the instance's own
// memory) until a font goes. Functions of the module have no names; these numbers are those of one build.

// memoModule is the SHA-256 of the build; of another one nothing is remembered.
const memoModule = "f651270c675cac90702b762f4b95d2b34e365cdb374065e40af016f4f0f304ea"

// CPDF_CIDFont's functions (core/fpdfapi/font/cpdf_cidfont.cpp in PDFium), in the numbers of the module.
const (
	memoBox     = 5710 // GetCharBBox (result, font, code)
	memoDestroy = 3356 // destructor (font) font
	memoDelete  = 5715 // destructor that frees (font)
)

const (
	memoGlobal  = "kakoi_memo" // address of the table, or 0
	memoEntries = 1 << 13
	memoEntry   = 32 // bytes: font, code, 4 numbers of the box
	memoBytes   = memoEntries * memoEntry
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
	c.get(font, char)
	c.op(opXor)
	c.number(-1640531535) // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4)
	c.op(opMul)
	c.number(32 - 13)
	c.op(opShrU)
	c.number(5)
	c.op(opShl)
	c.global(global)
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
	c.op(opStore32, 2, 0) // should the call not come back
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

func (c *code) global(index uint32) {
	c.op(opGlobalGet)
	c.b = append(c.b, leb(index)...)
}

// remember tells the instance where its table is.
func (l *pdfLib) remember(at uint32) {
	l.memo = at
	l.memos.Set(uint64(at))
}

package ingest

import "fmt"

// A hostile file may keep PDFium in a loop for ever, so a call has to end when time is up. wazero can do that, but then each turn of every loop
// leaves the compiled code for a question to the Go side: pages take three to six times as long. Here the module asks itself: every loop counts its
// turns, and every 4,096th looks at a global variable that Go sets to stop the instance.

const (
	stopGlobal = "kakoi_stop" // other than 0: loops end in a trap
	turns      = 4096         // of a loop between two looks; a power of 2
)

// Opcodes that only stopping uses.
const (
	opUnreachable, opGlobalGet, opAnd, opEqzI32 = 0x00, 0x23, 0x71, 0x45
	typeMutable                                 = 0x01
)

// stopping adds to a function body (without its size) the checks at the start of its loops. params is how many values the function takes, check
// the function that traps when it is time to stop.
func stopping(body []byte, params, check uint32) ([]byte, error) {
	c := &cursor{data: body}
	groups := c.number()
	locals := params
	start := len(body) - len(c.data)
	for range groups {
		locals += c.number()
		c.byte()
		if c.bad {
			return nil, fmt.Errorf("locals: %w", errModule)
		}
	}
	declared := body[start : len(body)-len(c.data)]
	out := make([]byte, 0, len(body)+64)
	out = append(append(out, leb(groups+1)...), declared...)
	out = append(out, 1, typeI32)
	found := false
	for len(c.data) > 0 {
		before := c.data
		op := c.byte()
		c.immediates(op)
		if c.bad {
			return nil, fmt.Errorf("opcode %#x: %w", op, errModule)
		}
		out = append(out, before[:len(before)-len(c.data)]...)
		if op == opLoop {
			found = true
			at := code{}
			at.op(opGet)
			at.b = append(at.b, leb(locals)...)
			at.number(1)
			at.op(opAdd, opTee)
			at.b = append(at.b, leb(locals)...)
			at.number(turns - 1)
			at.op(opAnd, opEqzI32, opIf, typeVoid, opCall)
			at.b = append(at.b, leb(check)...)
			at.op(opEnd)
			out = append(out, at.b...)
		}
	}
	if !found {
		return body, nil
	}
	return out, nil
}

// immediates passes over what belongs to an instruction (WebAssembly Core Specification 2.0, 5.4, and the proposals for exceptions and threads).
func (c *cursor) immediates(op byte) {
	switch {
	case op >= 0x02 && op <= 0x04, op == 0x06: // block, loop, if, try: a type
		c.number()
	case op >= 0x07 && op <= 0x09, op == 0x0c, op == 0x0d, op == 0x10, op == 0x12, op == 0x18, op >= 0x20 && op <= 0x26, op == 0x3f, op == 0x40, op == 0xd2:
		c.number()
	case op == 0x0e: // br_table
		for n := c.number() + 1; n > 0 && !c.bad; n-- {
			c.number()
		}
	case op == 0x11, op == 0x13: // indirect calls
		c.number()
		c.number()
	case op == 0x1c: // select with types
		c.take(c.number())
	case op == 0x1f: // try_table
		c.number()
		for n := c.number(); n > 0 && !c.bad; n-- {
			if kind := c.byte(); kind < 2 {
				c.number()
			}
			c.number()
		}
	case op >= 0x28 && op <= 0x3e: // loads and stores
		c.memory()
	case op == 0x41, op == 0x42: // constants
		c.signed()
	case op == 0x43:
		c.take(4)
	case op == 0x44:
		c.take(8)
	case op == 0xd0:
		c.signed()
	case op == 0xfc:
		c.bulk()
	case op == 0xfd:
		c.vector()
	case op == 0xfe:
		if c.number() == 3 {
			c.byte()
		} else {
			c.memory()
		}
	case op <= 0x01, op == 0x05, op == 0x0a, op == 0x0b, op == 0x0f, op == 0x19, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		c.bad = true
	}
}

func (c *cursor) memory() {
	if c.number()&0x40 != 0 {
		c.number()
	}
	c.number()
}

// signed passes over a signed number of up to 64 bits.
func (c *cursor) signed() {
	for range 10 {
		if c.byte()&0x80 == 0 {
			return
		}
	}
	c.bad = true
}

func (c *cursor) bulk() {
	switch sub := c.number(); {
	case sub <= 7: // saturating conversions
	case sub == 8, sub == 10, sub == 12, sub == 14:
		c.number()
		c.number()
	case sub <= 17:
		c.number()
	default:
		c.bad = true
	}
}

func (c *cursor) vector() {
	switch sub := c.number(); {
	case sub <= 11, sub == 92, sub == 93:
		c.memory()
	case sub == 12, sub == 13:
		c.take(16)
	case sub >= 21 && sub <= 34:
		c.byte()
	case sub >= 84 && sub <= 91:
		c.memory()
		c.byte()
	}
}

// withStops adds the checks to all functions of a module's code section: their bodies, each with its size.
func (m *module) withStops(section []byte, check uint32) ([][]byte, error) {
	c := &cursor{data: section}
	n := c.number()
	if int(n) != len(m.kinds) {
		return nil, fmt.Errorf("%d bodies of %d functions: %w", n, len(m.kinds), errModule)
	}
	out := make([][]byte, 0, len(m.kinds)+8)
	for _, kind := range m.kinds {
		body := c.take(c.number())
		if c.bad || int(kind) >= len(m.params) {
			return nil, fmt.Errorf("function body: %w", errModule)
		}
		with, err := stopping(body, m.params[kind], check)
		if err != nil {
			return nil, err
		}
		out = append(out, append(leb(uint32(len(with))), with...))
	}
	return out, nil
}

// checkBody is: if the global is not 0, trap.
func checkBody(global uint32) []byte {
	c := code{}
	c.op(opGlobalGet)
	c.b = append(c.b, leb(global)...)
	c.op(opIf, typeVoid, opUnreachable, opEnd, opEnd)
	all := append([]byte{0}, c.b...)
	return append(leb(uint32(len(all))), all...)
}

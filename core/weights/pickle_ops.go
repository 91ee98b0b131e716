package weights

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakoi/core"
)

// step executes one opcode (Python's pickletools names them).
func (u *unpickler) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		_, err := u.take(1)
		return err
	case 0x95: // FRAME
		_, err := u.take(8)
		return err
	case '}':
		u.push(&dict{})
	case ']':
		u.push(&list{})
	case ')':
		u.push(tuple(nil))
	case '(':
		u.push(mark{})
	case 'N':
		u.push(nil)
	case 0x88:
		u.push(true)
	case 0x89:
		u.push(false)
	case '0':
		_, err := u.pop()
		return err
	case 't', 0x85, 0x86, 0x87:
		return u.makeTuple(op)
	case 'K', 'M', 'J', 0x8a, 'G':
		return u.number(op)
	case 'X', 0x8c, 0x8d, 'U', 'T', 'B', 'C':
		return u.text(op)
	case 'q', 'r', 0x94, 'h', 'j':
		return u.memory(op)
	case 's', 'u', 'a', 'e':
		return u.fill(op)
	case 'c', 0x93:
		return u.global(op)
	case 'R':
		return u.reduce()
	case 'b': // BUILD: attributes of an OrderedDict (its _metadata); nothing we use
		_, err := u.pop()
		return err
	case 'Q':
		return u.persistent()
	default:
		return fmt.Errorf("pickle opcode 0x%02x at byte %d: %w", op, u.at-1, core.ErrUnsupported)
	}
	return nil
}

func (u *unpickler) makeTuple(op byte) error {
	var v []any
	var err error
	if op == 't' {
		v, err = u.popMark()
	} else {
		v, err = u.popN(int(op - 0x84))
	}
	if err != nil {
		return err
	}
	u.push(tuple(v))
	return nil
}

func (u *unpickler) number(op byte) error {
	switch op {
	case 0x8a: // LONG1: little-endian two's complement
		b, err := u.sized(1)
		if err != nil {
			return err
		}
		if len(b) > 8 {
			return fmt.Errorf("%w: integer of %d bytes", errPickle, len(b))
		}
		v := int64(le(b))
		if n := len(b); n > 0 && n < 8 && b[n-1]&0x80 != 0 {
			v -= 1 << (8 * n)
		}
		u.push(v)
		return nil
	case 'G':
		b, err := u.take(8)
		if err != nil {
			return err
		}
		u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		return nil
	}
	b, err := u.take(map[byte]int{'K': 1, 'M': 2, 'J': 4}[op])
	if err != nil {
		return err
	}
	if op == 'J' {
		u.push(int64(int32(le(b))))
	} else {
		u.push(int64(le(b)))
	}
	return nil
}

func (u *unpickler) text(op byte) error {
	width := 4
	switch op {
	case 0x8c, 'U', 'C':
		width = 1
	case 0x8d:
		width = 8
	}
	b, err := u.sized(width)
	if err != nil {
		return err
	}
	if op == 'B' || op == 'C' {
		u.push(b)
	} else {
		u.push(string(b))
	}
	return nil
}

func (u *unpickler) memory(op byte) error {
	key := uint32(len(u.memo))
	if op != 0x94 {
		width := 1
		if op == 'r' || op == 'j' {
			width = 4
		}
		b, err := u.take(width)
		if err != nil {
			return err
		}
		key = uint32(le(b))
	}
	if op == 'h' || op == 'j' {
		v, ok := u.memo[key]
		if !ok {
			return fmt.Errorf("%w: no memo %d", errPickle, key)
		}
		u.push(v)
		return nil
	}
	if len(u.stack) == 0 {
		return fmt.Errorf("%w: nothing to remember", errPickle)
	}
	u.memo[key] = u.stack[len(u.stack)-1]
	return nil
}

func (u *unpickler) fill(op byte) error {
	var v []any
	var err error
	switch op {
	case 's':
		v, err = u.popN(2)
	case 'a':
		v, err = u.popN(1)
	default:
		v, err = u.popMark()
	}
	if err != nil {
		return err
	}
	if len(u.stack) == 0 {
		return fmt.Errorf("%w: nothing to fill", errPickle)
	}
	switch c := u.stack[len(u.stack)-1].(type) {
	case *dict:
		if len(v)%2 != 0 || op == 'a' || op == 'e' {
			return fmt.Errorf("%w: odd dict", errPickle)
		}
		for i := 0; i < len(v); i += 2 {
			c.keys, c.values = append(c.keys, v[i]), append(c.values, v[i+1])
		}
	case *list:
		c.items = append(c.items, v...)
	default:
		return fmt.Errorf("%w: cannot fill %T", errPickle, c)
	}
	return nil
}

func (u *unpickler) global(op byte) error {
	var module, name string
	if op == 'c' {
		var err error
		if module, err = u.line(); err != nil {
			return err
		}
		if name, err = u.line(); err != nil {
			return err
		}
	} else {
		v, err := u.popN(2)
		if err != nil {
			return err
		}
		var ok1, ok2 bool
		module, ok1 = v[0].(string)
		name, ok2 = v[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: global without a name", errPickle)
		}
	}
	g := global(module + " " + name)
	if _, ok := storages[g]; ok || g == gOrderedDict || g == gTensor || g == gParameter || g == gSize {
		u.push(g)
		return nil
	}
	return &refused{module + "." + name}
}

// persistent turns ('storage', class, key, location, elements) into a storage.
func (u *unpickler) persistent() error {
	v, err := u.pop()
	if err != nil {
		return err
	}
	t, ok := v.(tuple)
	if !ok || len(t) < 5 {
		return fmt.Errorf("%w: storage id %T", errPickle, v)
	}
	kind, ok1 := t[0].(string)
	class, ok2 := t[1].(global)
	key, ok3 := t[2].(string)
	n, ok4 := t[4].(int64)
	dtype, ok5 := storages[class]
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || kind != "storage" || n < 0 {
		return fmt.Errorf("%w: storage id %v", errPickle, t)
	}
	u.push(storage{dtype: dtype, key: key, n: n})
	return nil
}

// reduce calls one of the allowed functions.
func (u *unpickler) reduce() error {
	v, err := u.popN(2)
	if err != nil {
		return err
	}
	args, ok := v[1].(tuple)
	if !ok {
		return fmt.Errorf("%w: arguments %T", errPickle, v[1])
	}
	switch v[0] {
	case gOrderedDict:
		d := &dict{}
		if len(args) > 1 || (len(args) == 1 && !emptyList(args[0])) {
			return fmt.Errorf("%w: OrderedDict with arguments", errPickle)
		}
		u.push(d)
	case gSize:
		if len(args) != 1 {
			return fmt.Errorf("%w: Size with %d arguments", errPickle, len(args))
		}
		u.push(args[0])
	case gParameter:
		if len(args) < 1 {
			return fmt.Errorf("%w: parameter without data", errPickle)
		}
		u.push(args[0])
	case gTensor:
		t, err := rebuild(args)
		if err != nil {
			return err
		}
		u.push(t)
	default:
		return fmt.Errorf("%w: call of %v", errPickle, v[0])
	}
	return nil
}

func emptyList(v any) bool {
	l, ok := v.(*list)
	return ok && len(l.items) == 0
}

// rebuild is _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks).
func rebuild(args tuple) (rebuilt, error) {
	if len(args) < 4 {
		return rebuilt{}, fmt.Errorf("%w: tensor of %d arguments", errPickle, len(args))
	}
	s, ok1 := args[0].(storage)
	offset, ok2 := args[1].(int64)
	shape, ok3 := integers(args[2])
	stride, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) || offset < 0 {
		return rebuilt{}, fmt.Errorf("%w: tensor %v", errPickle, args)
	}
	return rebuilt{storage: s, offset: offset, shape: shape, stride: stride}, nil
}

func integers(v any) ([]int64, bool) {
	t, ok := v.(tuple)
	if !ok || len(t) > maxDimensions {
		return nil, false
	}
	out := make([]int64, len(t))
	for i, x := range t {
		n, ok := x.(int64)
		if !ok || n < 0 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

package weights

import (
	"encoding/binary"
	"errors"
	"fmt"

	"kakoi/core"
)

// The interpreter of torch.save's pickles. It knows the opcodes of protocol 2 to 4 that a state dict uses, and
// answers GLOBAL only with the names below; nothing in a pickle can make it call anything else.

const (
	maxPickleDepth = 1 << 20 // objects on the stack or in the memo
)

// refused is a class or function a pickle asks for that is not on the list.
type refused struct{ name string }

func (r *refused) Error() string { return fmt.Sprintf("pickle asks for %s", r.name) }

// Values on the unpickler's stack, besides string, int64, float64, bool, nil, []byte.
type (
	global  string // "module name"
	mark    struct{}
	tuple   []any
	list    struct{ items []any }
	dict    struct{ keys, values []any }
	storage struct {
		dtype DType
		key   string
		n     int64 // elements
	}
	rebuilt struct { // a tensor
		storage storage
		offset  int64 // elements
		shape   []int64
		stride  []int64
	}
)

var storages = map[global]DType{
	"torch FloatStorage": F32, "torch HalfStorage": F16, "torch BFloat16Storage": BF16, "torch DoubleStorage": F64,
	"torch CharStorage": I8, "torch ByteStorage": U8, "torch ShortStorage": I16, "torch IntStorage": I32,
	"torch LongStorage": I64, "torch BoolStorage": BOOL,
}

const (
	gOrderedDict = global("collections OrderedDict")
	gTensor      = global("torch._utils _rebuild_tensor_v2")
	gParameter   = global("torch._utils _rebuild_parameter")
	gSize        = global("torch Size")
)

type unpickler struct {
	data  []byte
	at    int
	stack []any
	memo  map[uint32]any
}

// unpickle returns the tensors of a state dict: a dict of name to tensor. Other members are left out.
func unpickle(data []byte) (map[string]rebuilt, error) {
	u := &unpickler{data: data, memo: map[uint32]any{}}
	v, err := u.run()
	if err != nil {
		return nil, err
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, fmt.Errorf("pickle holds no dict of tensors: %w", core.ErrUnsupported)
	}
	out := map[string]rebuilt{}
	for i, k := range d.keys {
		name, isName := k.(string)
		t, isTensor := d.values[i].(rebuilt)
		if isName && isTensor {
			out[name] = t
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("pickle holds no tensors: %w", core.ErrUnsupported)
	}
	return out, nil
}

var errPickle = errors.New("broken pickle")

func (u *unpickler) run() (any, error) {
	for {
		op, err := u.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			return u.pop()
		}
		if err := u.step(op[0]); err != nil {
			return nil, err
		}
		if len(u.stack) > maxPickleDepth || len(u.memo) > maxPickleDepth {
			return nil, fmt.Errorf("pickle: too many objects: %w", core.ErrTooLarge)
		}
	}
}

func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.data)-u.at {
		return nil, fmt.Errorf("%w: ends at byte %d", errPickle, u.at)
	}
	b := u.data[u.at : u.at+n]
	u.at += n
	return b, nil
}

// sized takes a little-endian length of width bytes, then that many bytes.
func (u *unpickler) sized(width int) ([]byte, error) {
	b, err := u.take(width)
	if err != nil {
		return nil, err
	}
	n := le(b)
	if n > uint64(len(u.data)) {
		return nil, fmt.Errorf("%w: length %d at byte %d", errPickle, n, u.at)
	}
	return u.take(int(n))
}

func le(b []byte) uint64 {
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:])
}

// line takes the bytes up to a newline.
func (u *unpickler) line() (string, error) {
	for i := u.at; i < len(u.data); i++ {
		if u.data[i] == '\n' {
			s := string(u.data[u.at:i])
			u.at = i + 1
			return s, nil
		}
	}
	return "", fmt.Errorf("%w: no line end after byte %d", errPickle, u.at)
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, fmt.Errorf("%w: empty stack at byte %d", errPickle, u.at)
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return v, nil
}

// popN takes the n topmost values, in the order they were pushed.
func (u *unpickler) popN(n int) ([]any, error) {
	if n > len(u.stack) {
		return nil, fmt.Errorf("%w: short stack at byte %d", errPickle, u.at)
	}
	v := append([]any(nil), u.stack[len(u.stack)-n:]...)
	u.stack = u.stack[:len(u.stack)-n]
	return v, nil
}

// popMark takes the values above the last mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			v := append([]any(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return v, nil
		}
	}
	return nil, fmt.Errorf("%w: no mark at byte %d", errPickle, u.at)
}

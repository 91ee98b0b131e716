package weights

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"kakoi/core"
	"kakoi/core/quant"
)

// PlainOptions say how WritePlain writes.
type PlainOptions struct {
	DType      DType // F32 or F16, of all matrices and vectors
	ShardBytes int64 // of a weight file at most; 0: one file
}

// PlainBytes is what the weights take in a type.
func (f *Folder) PlainBytes(d DType) (int64, error) {
	specs, err := f.plainSpecs(d)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, s := range specs {
		b, err := s.bytes()
		if err != nil {
			return 0, err
		}
		n += b
	}
	return n, nil
}

// WritePlain writes the weights of the folder without any quantisation into dir, which is there, and config.json that says so: what transformers loads with nothing but torch. 4-bit and int8
// matrices get the values that Kakoi computes with in full precision; halves are rounded to the nearest. Tensors of other types, buffers of old folders, stay as they are.
// Stage "convert" reports bytes written. The files are synced.
func (f *Folder) WritePlain(ctx context.Context, dir string, o PlainOptions, p core.Progress) (err error) {
	if o.DType != F32 && o.DType != F16 {
		return fmt.Errorf("write %q as %v: %w", f.dir, o.DType, core.ErrUnsupported)
	}
	specs, err := f.plainSpecs(o.DType)
	if err != nil {
		return err
	}
	total, err := f.PlainBytes(o.DType)
	if err != nil {
		return err
	}
	config, err := f.plainConfig(o.DType)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		return noSpace(fmt.Errorf("write config: %w", err))
	}
	defer faultsPanic()()
	done := int64(0)
	data := func(s Spec, w io.Writer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.plain(s, w); err != nil {
			return err
		}
		n, err := s.bytes()
		done += n
		p.Report(core.Update{Stage: "convert", Done: done, Total: total, Note: s.Name})
		return err
	}
	g := GenerateParams{Layout: Single}
	if o.ShardBytes > 0 && total > o.ShardBytes {
		g.Layout, g.ShardBytes = Sharded, o.ShardBytes
	}
	return noSpace(g.write(dir, specs, total, data))
}

// plainSpecs lists the tensors as they are written, in the order of their names.
func (f *Folder) plainSpecs(d DType) ([]Spec, error) {
	beside, matrix := map[string]bool{}, map[string]bool{}
	for _, name := range f.names {
		if weight, ok := quant.Companion(name); ok && f.Has(weight) {
			beside[name], matrix[weight] = true, true
		}
		if f.entries[name].dtype == I8 && f.Has(name+".scale") {
			beside[name+".scale"], matrix[name] = true, true
		}
	}
	var specs []Spec
	for _, name := range f.names {
		switch e := f.entries[name]; {
		case beside[name]:
		case matrix[name]:
			l, err := f.Linear(name)
			if err != nil {
				return nil, err
			}
			specs = append(specs, Spec{Name: name, DType: d, Shape: []int64{int64(l.Out), int64(l.In)}})
		case e.dtype.Float():
			specs = append(specs, Spec{Name: name, DType: d, Shape: slices.Clone(e.shape)})
		default:
			specs = append(specs, Spec{Name: name, DType: e.dtype, Shape: slices.Clone(e.shape)})
		}
	}
	return specs, nil
}

// plain writes one tensor.
func (f *Folder) plain(s Spec, w io.Writer) (err error) {
	defer changed(f, s.Name, &err)
	t, err := f.Tensor(s.Name)
	if err != nil {
		return err
	}
	if t.DType == s.DType {
		_, err := w.Write(t.Data)
		return err
	}
	n := int64(1)
	for _, d := range s.Shape {
		n *= d
	}
	values := make([]float32, n)
	if !t.DType.Float() { // 4 bits, or int8
		var l Linear
		if l, err = f.Linear(s.Name); err == nil {
			err = l.Float32(values)
		}
	} else {
		err = t.Float32(values)
	}
	if err != nil {
		return err
	}
	const block = 1 << 18
	buf := make([]byte, 0, 4*block)
	for from := 0; from < len(values); from += block {
		buf = buf[:0]
		for _, v := range values[from:min(from+block, len(values))] {
			if s.DType == F16 {
				h, ok := quant.Half(v)
				if !ok {
					return core.Explain(fmt.Errorf("tensor %q: %v is too large for float16: %w", s.Name, v, core.ErrUnsupported), "error.model.half", s.Name)
				}
				buf = append(buf, byte(h), byte(h>>8))
				continue
			}
			buf = appendFloat(buf, v, F32)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// plainConfig is config.json without what it says of Kakoi's and bitsandbytes' storage.
func (f *Folder) plainConfig(d DType) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if err := f.Config(&members); err != nil {
		return nil, err
	}
	for _, key := range []string{"quantization_config", "kakoi_embedding_storage", sourceKey} {
		delete(members, key)
	}
	name := json.RawMessage(map[DType]string{F32: `"float32"`, F16: `"float16"`}[d])
	members["torch_dtype"] = name
	if _, ok := members["dtype"]; ok { // what transformers 5 writes
		members["dtype"] = name
	}
	b, err := json.MarshalIndent(members, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	return append(b, '\n'), nil
}

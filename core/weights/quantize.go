package weights

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"kakoi/core"
	"kakoi/core/quant"
)

// Cache4Bit is the folder within a model's folder where its 4-bit form is kept. It is no part of the model: it has no say in the ID.
const Cache4Bit = "nf4"

// Refusals is the file within a model's folder with bounds on how likely a refusal may be (package calibrate). They were found with the model, and
// are no part of it.
const Refusals = "refusal.json"

// Recipe is the folder within a model's folder that says how the model was made. It is no part of it.
const Recipe = "recipe"

// spare4Bit stays free on the disk after a 4-bit folder was written.
const spare4Bit = 256 << 20

// sourceKey is the member of config.json that says what a 4-bit folder was made of.
const sourceKey = "kakoi_source"

// source4Bit is that member.
type source4Bit struct {
	ID    string `json:"id,omitempty"` // Folder.ID of the full-precision folder, where it was known
	Stamp string `json:"stamp"`        // Folder.Stamp
}

// Quantized is a 4-bit folder being written: config.json with quantization_config, one model.safetensors in bitsandbytes' layout and the
// model's other files. It appears under its name when Finish has succeeded and not before. Memory holds the scales of the matrices that
// were put, 1/64 of the weights, and one matrix.
type Quantized struct {
	source *Folder
	dst    string
	tmp    string
	lock   *os.File // of tmp, while it is being written
	out    *Stream
	left   map[string]bool // matrices that are still to come
	late   []lateTensor    // small ones, written last so that the large ones stay aligned
}

type lateTensor struct {
	spec Spec
	data []byte
}

// Quantizable lists the matrices that bitsandbytes would quantise, in the model's order: the linears of the layers. The embeddings stay as
// they are. core.ErrUnsupported for anything but a GPT-NeoX, and for a folder that is 4-bit already.
func Quantizable(f *Folder) ([]string, error) {
	r := Report{}
	c := &checker{folder: f, report: &r, used: map[string]bool{}}
	if err := c.architecture(Generator); err != nil {
		return nil, err
	}
	if r.Storage != "F32" && r.Storage != "F16" && r.Storage != "BF16" {
		return nil, core.Explain(fmt.Errorf("quantize %q: linears are %s: %w", f.dir, r.Storage, core.ErrUnsupported), "error.model.quantized", filepath.Base(f.dir))
	}
	var names []string
	for i := range r.Layers {
		for _, n := range []string{"attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"} {
			names = append(names, fmt.Sprintf("gpt_neox.layers.%d.%s.weight", i, n))
		}
	}
	return names, nil
}

// QuantizedBytes is about what the 4-bit form of a folder takes on the disk.
func QuantizedBytes(f *Folder) (int64, error) {
	names, err := Quantizable(f)
	if err != nil {
		return 0, err
	}
	n := f.Bytes()
	for _, name := range names {
		l, err := f.Linear(name)
		if err != nil {
			return 0, err
		}
		elements := int64(l.Out) * int64(l.In)
		n += elements/2 + elements/64 + elements/4096 + 2048 - l.Bytes()
	}
	return n + 1<<20, nil
}

// NewQuantized begins the 4-bit form of f in the folder dst, which must not exist. id is f's ID, "" where it is not known yet. The caller
// puts every matrix of Quantizable once and ends with Finish or Abort. Without room on the disk it is core.ErrNoSpace, with a sentence.
func NewQuantized(f *Folder, dst, id string) (_ *Quantized, err error) {
	names, err := Quantizable(f)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		return nil, core.Explain(fmt.Errorf("quantize: %q exists: %w", dst, core.ErrBusy), "error.model.exists", filepath.Base(dst))
	}
	need, err := QuantizedBytes(f)
	if err != nil {
		return nil, err
	}
	if err := room(filepath.Dir(dst), need+spare4Bit); err != nil {
		return nil, err
	}
	sweep(filepath.Dir(dst))
	tmp, err := os.MkdirTemp(filepath.Dir(dst), half4Bit+"*")
	if err != nil {
		return nil, fmt.Errorf("quantize: %w", err)
	}
	q := &Quantized{source: f, dst: dst, tmp: tmp, left: map[string]bool{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, q.Abort())
		}
	}()
	if q.lock, err = os.Open(tmp); err == nil {
		err = syscall.Flock(int(q.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return nil, fmt.Errorf("quantize: %w", err)
	}
	config, err := config4Bit(f, id)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(tmp, "config.json"), config, 0o600); err != nil {
		return nil, fmt.Errorf("quantize: %w", noSpace(err))
	}
	for _, n := range names {
		q.left[n] = true
	}
	q.out, err = NewStream(filepath.Join(tmp, "model.safetensors"), len(f.names)+5*len(names))
	return q, err
}

// half4Bit begins the names of folders that are being written.
const half4Bit = ".nf4-"

// sweep removes what a process that was killed left half written in dir: nobody holds its lock.
func sweep(dir string) {
	found, _ := filepath.Glob(filepath.Join(globEscape(dir), half4Bit+"*"))
	for _, path := range found {
		d, err := os.Open(path)
		if err != nil {
			continue
		}
		// A folder that was only just made may not be locked yet.
		if st, err := d.Stat(); err == nil && time.Since(st.ModTime()) > time.Minute && syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(path) // what cannot be removed takes room, no more
		}
		d.Close()
	}
}

// config4Bit is config.json with what transformers writes of a 4-bit model, and where it comes from. transformers refuses a threshold of 6: it wants 6.0.
func config4Bit(f *Folder, id string) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if err := f.Config(&members); err != nil {
		return nil, err
	}
	put := func(key string, v any) error {
		b, err := json.Marshal(v)
		members[key] = b
		return err
	}
	stamp, err := f.Stamp()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		put("quantization_config", map[string]any{
			"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false, "_load_in_4bit": true, "_load_in_8bit": false,
			"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true, "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8",
			"llm_int8_skip_modules": nil, "llm_int8_threshold": json.RawMessage("6.0"), "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false,
		}),
		put(sourceKey, source4Bit{ID: id, Stamp: stamp}),
	)
	if err != nil {
		return nil, fmt.Errorf("quantize: %w", err)
	}
	b, err := json.MarshalIndent(members, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("quantize: %w", err)
	}
	return append(b, '\n'), nil
}

// Put writes a quantised matrix; its scales are kept until Finish, so s must not change.
func (q *Quantized) Put(name string, s *quant.State) error {
	if !q.left[name] {
		return fmt.Errorf("quantize: matrix %q twice or unknown: %w", name, core.ErrUsage)
	}
	delete(q.left, name)
	for _, e := range s.Marshal() {
		dtype, ok := ParseDType(e.DType)
		if !ok {
			return fmt.Errorf("quantize %q: type %s: %w", name, e.DType, core.ErrUnsupported)
		}
		spec := Spec{Name: name + e.Suffix, DType: dtype, Shape: e.Shape}
		if e.Suffix == "" {
			if err := q.out.Add(spec, e.Data); err != nil {
				return fmt.Errorf("quantize: %w", noSpace(err))
			}
			continue
		}
		q.late = append(q.late, lateTensor{spec, e.Data})
	}
	return nil
}

// Finish writes what is not quantised and puts the folder in its place. After an error nothing is left of it.
func (q *Quantized) Finish(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, q.Abort())
		}
	}()
	defer faultsPanic()()
	if len(q.left) > 0 {
		return fmt.Errorf("quantize: %d matrices are missing: %w", len(q.left), core.ErrUsage)
	}
	written := map[string]bool{}
	for _, s := range q.out.specs {
		written[s.Name] = true
	}
	for _, name := range q.source.names {
		if written[name] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := q.source.Tensor(name)
		if err != nil {
			return err
		}
		if err := q.plain(t); err != nil {
			return err
		}
	}
	// float32 first, then bytes, then the JSON of odd lengths: so the numbers stay aligned.
	for _, pass := range []func(Spec) bool{
		func(s Spec) bool { return s.DType == F32 },
		func(s Spec) bool { return s.DType != F32 && strings.HasSuffix(s.Name, ".absmax") },
		func(s Spec) bool { return s.DType != F32 && !strings.HasSuffix(s.Name, ".absmax") },
	} {
		for _, t := range q.late {
			if pass(t.spec) {
				if err := q.out.Add(t.spec, t.data); err != nil {
					return fmt.Errorf("quantize: %w", noSpace(err))
				}
			}
		}
	}
	if err := q.out.Close(); err != nil {
		return fmt.Errorf("quantize: %w", noSpace(err))
	}
	if err := errors.Join(q.files(), writeSums(ctx, q.tmp)); err != nil {
		return fmt.Errorf("quantize: %w", noSpace(err))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Rename(q.tmp, q.dst); err != nil {
		return fmt.Errorf("quantize: %w", err)
	}
	return q.lock.Close()
}

// plain copies a tensor as it is.
func (q *Quantized) plain(t Tensor) (err error) {
	defer changed(q.source, t.Name, &err)
	if err := q.out.Add(Spec{Name: t.Name, DType: t.DType, Shape: t.Shape}, t.Data); err != nil {
		return fmt.Errorf("quantize: %w", noSpace(err))
	}
	return nil
}

// files copies what makes the model beside its weights: tokenizer and settings.
func (q *Quantized) files() error {
	files, err := q.source.Files()
	if err != nil {
		return err
	}
	for _, x := range files {
		switch {
		case x.Name == "config.json", strings.HasSuffix(x.Name, ".safetensors"), strings.HasSuffix(x.Name, ".bin"), strings.HasSuffix(x.Name, ".index.json"):
			continue
		}
		to := filepath.Join(q.tmp, filepath.FromSlash(x.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := copyFile(to, filepath.Join(q.source.dir, filepath.FromSlash(x.Name))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Abort leaves nothing of the folder behind. It may be called after Finish failed.
func (q *Quantized) Abort() error {
	if q.out != nil {
		q.out.file.Close()
	}
	if q.lock != nil {
		q.lock.Close()
	}
	return os.RemoveAll(q.tmp)
}

// Quantize writes the 4-bit form of the model folder src to the new folder dst, on all cores of the CPU, tensor by tensor: the source is
// mapped, and memory holds one matrix and the scales. Stage "quantize" reports bytes of the source. Cancelled or failed it leaves nothing
// behind. Errors are those of Open and NewQuantized, and core.ErrCorrupt, with the tensor's name, where a value is not finite.
func Quantize(ctx context.Context, src, dst string, p core.Progress) (err error) {
	f, err := Open(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	id := ""
	if files, ferr := f.Files(); ferr == nil && recall(f.dir, files) {
		id = contentID(files)
	}
	return f.Quantize(ctx, dst, id, p)
}

// Quantize is Quantize of an open folder whose ID is known ("" where not).
func (f *Folder) Quantize(ctx context.Context, dst, id string, p core.Progress) error {
	names, err := Quantizable(f)
	if err != nil {
		return err
	}
	q, err := NewQuantized(f, dst, id)
	if err != nil {
		return err
	}
	total, done := f.Bytes(), int64(0)
	p.Report(core.Update{Stage: "quantize", Total: total})
	defer faultsPanic()()
	var buffer []byte
	for _, name := range names {
		err := ctx.Err()
		var s *quant.State
		var n int64
		if err == nil {
			s, n, err = f.quantize(name, &buffer)
		}
		if err == nil {
			err = q.Put(name, s)
		}
		if err != nil {
			return errors.Join(err, q.Abort())
		}
		done += n
		p.Report(core.Update{Stage: "quantize", Done: done, Total: total, Note: name})
	}
	if err := q.Finish(ctx); err != nil {
		return err
	}
	p.Report(core.Update{Stage: "quantize", Done: total, Total: total})
	return nil
}

// read reads a tensor's bytes into buffer, which grows as needed. Other goroutines may work on them without a fault where the file shrinks
// meanwhile, and the memory does not grow by what is looked at, as it does with the mapping.
func (f *Folder) read(name string, buffer *[]byte) ([]byte, error) {
	at, ok := f.Extent(name)
	if !ok {
		t, err := f.Tensor(name)
		return bytes.Clone(t.Data), err
	}
	if int64(cap(*buffer)) < at.Bytes {
		*buffer = make([]byte, at.Bytes)
	}
	file, err := os.Open(at.Path)
	if err != nil {
		return nil, fmt.Errorf("read tensor %q: %w", name, err)
	}
	defer file.Close()
	b := (*buffer)[:at.Bytes]
	workers := min(runtime.GOMAXPROCS(0), 8)
	errs := make([]error, workers)
	parallel(workers, 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			from, to := int64(i)*at.Bytes/int64(workers), int64(i+1)*at.Bytes/int64(workers)
			_, errs[i] = io.ReadFull(io.NewSectionReader(file, at.Offset+from, to-from), b[from:to])
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, truncated(filepath.Base(at.Path), fmt.Errorf("tensor %q: %w", name, err))
	}
	return b, nil
}

// quantize quantises one matrix of the folder, from the type it is stored in.
func (f *Folder) quantize(name string, buffer *[]byte) (s *quant.State, n int64, err error) {
	defer changed(f, name, &err)
	l, err := f.Linear(name)
	if err != nil {
		return nil, 0, err
	}
	if l.Plain == nil {
		return nil, 0, fmt.Errorf("quantize %q: not in full precision: %w", name, core.ErrUnsupported)
	}
	raw, err := f.read(name, buffer)
	if err != nil {
		return nil, 0, err
	}
	dtype := map[DType]string{F32: "float32", F16: "float16", BF16: "bfloat16"}[l.Plain.DType]
	s, err = quant.Quantize(raw, dtype, []int64{int64(l.Out), int64(l.In)}, true)
	if errors.Is(err, core.ErrCorrupt) {
		return nil, 0, core.Explain(fmt.Errorf("tensor %q: %w", name, err), "error.model.finite", name)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("tensor %q: %w", name, err)
	}
	return s, l.Bytes(), nil
}

// changed turns the fault of reading a file that shrank while it was mapped into an error; deferred, with the faults made panics.
func changed(f *Folder, name string, err *error) {
	if r := recover(); r != nil {
		*err = truncated(filepath.Base(f.dir), fmt.Errorf("tensor %q: file changed while being read: %v", name, r))
	}
}

// Made4BitOf says whether the folder dir is a whole 4-bit form of f as f is now. One that is not, is out of date.
func Made4BitOf(dir string, f *Folder) bool {
	raw, err := readSmall(dir, "config.json")
	if err != nil {
		return false
	}
	var c struct {
		Source *source4Bit `json:"kakoi_source"`
	}
	if json.Unmarshal(raw, &c) != nil || c.Source == nil {
		return false
	}
	stamp, err := f.Stamp()
	if err != nil {
		return false
	}
	if c.Source.Stamp == stamp {
		return true
	}
	// Copied or touched: the contents may still be the same, if their hashes are known without reading everything.
	files, err := f.Files()
	return err == nil && c.Source.ID != "" && recall(f.dir, files) && contentID(files) == c.Source.ID
}

// Open4BitOf opens the 4-bit form of f in the folder dir. core.ErrNotFound: there is none of f as it is now; the errors of Open are those of
// a damaged one.
func Open4BitOf(dir string, f *Folder) (*Folder, error) {
	if !Made4BitOf(dir, f) {
		return nil, fmt.Errorf("4-bit form %q of %q: %w", dir, f.dir, core.ErrNotFound)
	}
	return Open(dir)
}

// room is core.ErrNoSpace, explained, unless so many bytes are free on dir's disk.
func room(dir string, bytes int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at disk: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < bytes {
		return core.Explain(fmt.Errorf("%d bytes free, %d needed: %w", free, bytes, core.ErrNoSpace), "error.model.space", float64(bytes)/1e9, float64(free)/1e9)
	}
	return nil
}

// noSpace names a full disk as such.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.Join(core.ErrNoSpace, err)
	}
	return err
}

// faultsPanic makes this goroutine's page faults panics, which changed turns into errors.
func faultsPanic() (restore func()) {
	old := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(old) }
}

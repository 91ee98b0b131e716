package train

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"kakoi/core"
	"kakoi/core/vault"
)

// A checkpoint is everything that a run has, in one file: the header's length and the header as JSON, the masters and the
// moments, and a CRC-64 of all before it. It is written under another name and renamed when it is safe on disk, so there is the
// whole of it or nothing. Where the data folder is encrypted, so is the file as a whole (core/vault).
const (
	checkpointMagic  = "KAKOITR1"
	checkpointFolder = "checkpoints"
	mostHeader       = 256 << 20
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// progress is how far a run is: a checkpoint's header.
type progress struct {
	Base     string             `json:"base"` // core.GeneratorInfo.ID
	Form     string             `json:"form"` // in which its numbers are held: GeneratorInfo.DType
	Settings core.TrainSettings `json:"settings"`
	Rows     string             `json:"rows"` // hash of the rows and those held back

	// What was settled at the start; a resumed run does not decide anew.
	Fill       filling `json:"fill"`
	Accumulate int     `json:"accumulate"`
	Recompute  string  `json:"recompute"`
	Compute    string  `json:"compute"`
	Chunk      int     `json:"chunk"`       // tokens whose logits exist at the same time; 0, in older ones: headRoom of "layer"
	Own        bool    `json:"own_kernels"` // computed with our own kernels, which leave out other numbers than libtorch's dropout

	Step    int    `json:"step"`    // done
	Updates int    `json:"updates"` // of them, those that changed the weights (fp16 skips some)
	Epoch   int    `json:"epoch"`   // whose micro-batches come
	Batch   int    `json:"batch"`   // next of them
	Number  uint64 `json:"number"`  // micro-batches done: the counter of the dropout's random numbers
	Due     bool   `json:"due"`     // an evaluation comes before the next step
	Timed   bool   `json:"timed"`   // written because time went by, not because of an evaluation

	Scaler   scaler  `json:"scaler"`
	Watch    watch   `json:"watch"`
	HasBest  bool    `json:"has_best"`
	BestStep int     `json:"best_step"`
	BestLoss float64 `json:"best_loss"`
	Waited   int     `json:"waited"` // evaluations since the best
	Early    bool    `json:"early"`  // patience ended the run
	Losses   []point `json:"losses"`
	Seconds  float64 `json:"seconds"` // worked
}

// point is a step of the loss history; Held is there where an evaluation followed it.
type point struct {
	Step  int      `json:"step"`
	Epoch float64  `json:"epoch"`
	Loss  float64  `json:"loss"`
	Rate  float64  `json:"rate"`
	Norm  float64  `json:"norm"`
	Held  *float64 `json:"held,omitempty"`
}

// evaluated takes note of the loss of the rows held back, and says whether it is the best so far. One that is no finite number is
// never the best, and stands nowhere: JSON has none.
func (p *progress) evaluated(loss float64, patience int) (best bool) {
	finite := !math.IsNaN(loss) && !math.IsInf(loss, 0)
	if best = finite && (!p.HasBest || loss < p.BestLoss); best {
		p.HasBest, p.BestStep, p.BestLoss, p.Waited = true, p.Step, loss, 0
	} else {
		p.Waited++
	}
	p.Early = patience > 0 && p.Waited >= patience
	if n := len(p.Losses); n > 0 && finite {
		p.Losses[n-1].Held = &loss
	}
	return best
}

// checkpointName is the file of a step.
func checkpointName(dir string, step int) string {
	return filepath.Join(dir, checkpointFolder, fmt.Sprintf("step-%08d.ckpt", step))
}

// checkpointSteps lists the steps whose checkpoints are there, in order.
func checkpointSteps(dir string) ([]int, error) {
	files, err := os.ReadDir(filepath.Join(dir, checkpointFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoints: %w", err)
	}
	var out []int
	for _, f := range files {
		name, ok := strings.CutPrefix(f.Name(), "step-")
		if name, ok2 := strings.CutSuffix(name, ".ckpt"); ok && ok2 {
			if n, err := strconv.Atoi(name); err == nil && n >= 0 {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// fileOut is a file being written, as vault.Writer: it has its name, and is safe on disk, after Commit, and is gone after a Close without that.
type fileOut interface {
	io.Writer
	Commit() error
	Close() error
}

// create makes a file; tests let it run out of space.
var create = func(key *vault.Key, path string) (fileOut, error) { return key.Create(path) }

// tooFull puts a sentence around an error of a disk without space.
func tooFull(err error, dir string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return core.Explain(fmt.Errorf("%w: %w", core.ErrNoSpace, err), "error.train.space", dir)
	}
	return err
}

// writeCheckpoint makes p, w and o safe on disk as the checkpoint of p.Step.
func writeCheckpoint(key *vault.Key, dir string, p progress, w []float32, o *adamw) error {
	folder := filepath.Join(dir, checkpointFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return tooFull(fmt.Errorf("checkpoint of step %d: %w", p.Step, err), dir)
	}
	err := writeWhole(key, checkpointName(dir, p.Step), func(out io.Writer) error { return encodeCheckpoint(out, p, w, o) })
	if err != nil {
		return tooFull(fmt.Errorf("checkpoint of step %d: %w", p.Step, err), dir)
	}
	return nil
}

// writeWhole writes a file and waits until it is on disk: the whole of it under its name, or nothing.
func writeWhole(key *vault.Key, path string, fill func(io.Writer) error) (err error) {
	f, err := create(key, path)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<20)
	if err = fill(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Commit()
	}
	return errors.Join(err, f.Close())
}

// sweep removes what a killed run left half written, also by earlier versions (".part").
func sweep(dir string) error {
	folder := filepath.Join(dir, checkpointFolder)
	err := errors.Join(vault.Sweep(dir), vault.Sweep(folder))
	for _, pattern := range []string{filepath.Join(dir, "losses.csv.part"), filepath.Join(folder, "step-*.ckpt.part")} {
		left, gerr := filepath.Glob(pattern)
		err = errors.Join(err, gerr)
		for _, path := range left {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// syncFolder makes the names in a folder safe.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func encodeCheckpoint(out io.Writer, p progress, w []float32, o *adamw) error {
	head, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sum := crc64.New(crcTable)
	to := io.MultiWriter(out, sum)
	put := func(b []byte) {
		if err == nil {
			_, err = to.Write(b)
		}
	}
	put([]byte(checkpointMagic))
	put(binary.LittleEndian.AppendUint64(nil, uint64(len(head))))
	put(head)
	putFloats := func(v []float32) {
		b := make([]byte, 0, 4*min(len(v), 1<<16))
		for part := range slices.Chunk(v, 1<<16) {
			b = b[:0]
			for _, x := range part {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
			put(b)
		}
	}
	putFloats(w)
	for i := range o.of {
		x := &o.of[i]
		putFloats(x.m)
		putFloats(x.v)
		put(x.m8)
		put(x.v8)
		putFloats(x.mTop)
		putFloats(x.vTop)
	}
	if err != nil {
		return err
	}
	_, err = out.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

// readProgress reads a checkpoint's header and checks the whole file: core.ErrCorrupt where anything is amiss.
func readProgress(key *vault.Key, path string) (p progress, body []byte, err error) {
	raw, err := key.ReadFile(path)
	if err != nil {
		return p, nil, fmt.Errorf("checkpoint: %w", err)
	}
	corrupt := func(what string) (progress, []byte, error) {
		return progress{}, nil, fmt.Errorf("checkpoint %q: %s: %w", filepath.Base(path), what, core.ErrCorrupt)
	}
	const fixed = len(checkpointMagic) + 8
	if len(raw) < fixed+8 || string(raw[:len(checkpointMagic)]) != checkpointMagic {
		return corrupt("no checkpoint")
	}
	end := len(raw) - 8
	if crc64.Checksum(raw[:end], crcTable) != binary.LittleEndian.Uint64(raw[end:]) {
		return corrupt("the checksum differs")
	}
	n := binary.LittleEndian.Uint64(raw[len(checkpointMagic):])
	if n > mostHeader || int(n) > end-fixed {
		return corrupt("the header is too long")
	}
	if err := json.Unmarshal(raw[fixed:fixed+int(n)], &p); err != nil {
		return corrupt(err.Error())
	}
	return p, raw[fixed+int(n) : end], nil
}

// restore fills masters and moments from a checkpoint's body.
func restore(body []byte, w []float32, o *adamw) error {
	short := false
	take := func(n int) []byte {
		if len(body) < n {
			short = true
			return make([]byte, n)
		}
		b := body[:n]
		body = body[n:]
		return b
	}
	floats := func(v []float32) {
		b := take(4 * len(v))
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	floats(w)
	if o != nil {
		for i := range o.of {
			x := &o.of[i]
			floats(x.m)
			floats(x.v)
			copy(x.m8, take(len(x.m8)))
			copy(x.v8, take(len(x.v8)))
			floats(x.mTop)
			floats(x.vTop)
		}
		short = short || len(body) > 0
	}
	if short {
		return fmt.Errorf("checkpoint of another adapter: %w", core.ErrCorrupt)
	}
	return nil
}

// prune removes the checkpoints that are kept no longer: those written because time went by, and, where keep > 0, all but the
// last keep and the best. timed are steps of the first kind.
func prune(dir string, keep int, p progress, timed []int) error {
	steps, err := checkpointSteps(dir)
	if err != nil {
		return err
	}
	var regular []int
	for _, s := range steps {
		if s != p.Step && slices.Contains(timed, s) {
			if err := os.Remove(checkpointName(dir, s)); err != nil {
				return fmt.Errorf("checkpoint: %w", err)
			}
			continue
		}
		regular = append(regular, s)
	}
	if keep == 0 {
		return nil
	}
	for _, s := range regular[:max(0, len(regular)-keep)] {
		if p.HasBest && s == p.BestStep {
			continue
		}
		if err := os.Remove(checkpointName(dir, s)); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}

// writeLosses writes the loss history as losses.csv in dir.
func writeLosses(key *vault.Key, dir string, losses []point) error {
	err := writeWhole(key, filepath.Join(dir, "losses.csv"), func(out io.Writer) error {
		_, err := io.WriteString(out, "step,epoch,loss,held_loss,learning_rate,gradient_norm\n")
		for _, p := range losses {
			held := ""
			if p.Held != nil {
				held = strconv.FormatFloat(*p.Held, 'g', -1, 64)
			}
			if err == nil {
				_, err = fmt.Fprintf(out, "%d,%.4f,%v,%s,%v,%v\n", p.Step, p.Epoch, p.Loss, held, p.Rate, p.Norm)
			}
		}
		return err
	})
	if err != nil {
		return tooFull(fmt.Errorf("loss history: %w", err), dir)
	}
	return nil
}

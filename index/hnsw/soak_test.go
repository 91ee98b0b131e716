package hnsw_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// A soak is one process after another that changes an index at random, each killed at a random moment, beside a model: a
// plain set of labels. What is living is a journal in the store, written before the index changes, as the library's heads
// are; the index catches up with it after each start. Operations follow from the number of their batch alone, so that the
// model can follow without being told.
const (
	soakWidth = 16
	soakBatch = 100 // operations
	soakMost  = 1500
	soakEnv   = "KAKOI_HNSW_SOAK"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(soakEnv); dir != "" {
		if err := soak(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// soakVector is the vector of a label, of few different numbers, so that sums are exact and equal scores are common.
func soakVector(label uint64) []float32 {
	r := rand.New(rand.NewPCG(label%700, 16)) // labels 700 apart are equal
	v := make([]float32, soakWidth)
	for i := range v {
		v[i] = float32(r.IntN(17)-8) / 16
	}
	return v
}

func soakHalves(labels []uint64, dst []byte) error {
	for i, l := range labels {
		for c, f := range soakVector(l) {
			binary.LittleEndian.PutUint16(dst[2*(i*soakWidth+c):], hnsw.Narrow(f))
		}
	}
	return nil
}

// model is the labels that are living, ascending.
type model struct {
	living []uint64
	batch  int // done
}

// next gives the batch after the last: labels to add, labels to delete, and vectors to ask for. The deletions come first.
func (m *model) next() (add, gone []uint64, ask [][]float32) {
	m.batch++
	r := rand.New(rand.NewPCG(uint64(m.batch), 99))
	// Now and then nearly all go, or many come at once.
	pull := r.IntN(8)
	for range soakBatch {
		switch op := r.IntN(100); {
		case op < 5:
			ask = append(ask, soakVector(uint64(r.IntN(5000))+1e9))
		case (op < 50 || pull == 0) && pull != 1 && len(m.living) > 0 || len(m.living) >= soakMost:
			at := r.IntN(len(m.living))
			if l := m.living[at]; !slices.Contains(add, l) {
				gone = append(gone, l)
				m.living = slices.Delete(m.living, at, at+1)
			}
		default:
			l := uint64(r.IntN(2 * soakMost)) // seen before, often
			if at, there := slices.BinarySearch(m.living, l); !there && !slices.Contains(gone, l) {
				m.living = slices.Insert(m.living, at, l)
				add = append(add, l)
			}
		}
	}
	return add, gone, ask
}

// answer is the ten best by looking at all.
func (m *model) answer(q []float32) string {
	var all []hnsw.Hit
	for _, l := range m.living {
		sum := float32(0)
		for i, f := range soakVector(l) {
			sum += f * q[i]
		}
		all = append(all, hnsw.Hit{Label: l, Score: sum})
	}
	slices.SortFunc(all, func(a, b hnsw.Hit) int {
		if a.Score != b.Score {
			if a.Score > b.Score {
				return -1
			}
			return 1
		}
		return int(a.Label) - int(b.Label)
	})
	return said(all[:min(10, len(all))])
}

func said(hits []hnsw.Hit) string {
	var out strings.Builder
	for _, h := range hits {
		fmt.Fprintf(&out, "%d:%v,", h.Label, h.Score)
	}
	return out.String()
}

var ctx = context.Background()

// soak is the process that is killed.
func soak(dir string) error {
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		return err
	}
	var m model
	err = s.View(func(r *store.Reader) error {
		return r.Keys("r/batch/", func(string) error { m.next(); return nil })
	})
	if err != nil {
		return err
	}
	x, _, err := hnsw.Load(ctx, s, place)
	if errors.Is(err, core.ErrNotFound) {
		x, err = hnsw.New(hnsw.Params{Dimension: soakWidth, M: 8, EfConstruction: 32})
	}
	if err != nil {
		return err
	}
	x.Vectors = soakHalves
	slots := map[uint64]uint32{}
	x.Each(func(slot uint32, label uint64) { slots[label] = slot })
	var old, missing []uint64
	for l := range slots {
		if _, there := slices.BinarySearch(m.living, l); !there {
			old = append(old, l)
		}
	}
	for _, l := range m.living {
		if _, there := slots[l]; !there {
			missing = append(missing, l)
		}
	}
	change := func(add, gone []uint64) ([]uint32, error) {
		var away []uint32
		for _, l := range gone {
			away = append(away, slots[l])
			delete(slots, l)
		}
		x.Delete(away...)
		var vectors []float32
		for _, l := range add {
			vectors = append(vectors, soakVector(l)...)
		}
		got, err := x.Add(ctx, add, vectors)
		for i, s := range got {
			slots[add[i]] = s
		}
		return away, err
	}
	if _, err := change(missing, old); err != nil {
		return err
	}
	if x.Len() != len(m.living) {
		return fmt.Errorf("%d vectors, not %d", x.Len(), len(m.living))
	}
	fmt.Println("start", m.batch)
	ask := func(q []float32) error {
		hits, err := x.Search(q, 10, x.Len())
		fmt.Println("answer", m.batch, said(hits))
		return err
	}
	for i := range 10 {
		if err := ask(soakVector(uint64(i) + 2e9)); err != nil {
			return err
		}
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for {
		add, gone, queries := m.next()
		key := store.Key{Kind: store.KindRecord, Collection: "batch", Document: fmt.Sprintf("%08d", m.batch)}
		if err := s.Write(func(w *store.Writer) error { return w.Put(key.String(), nil) }); err != nil {
			return err
		}
		away, err := change(add, gone)
		if err != nil {
			return err
		}
		fmt.Println("done", m.batch)
		for _, q := range queries {
			if err := ask(q); err != nil {
				return err
			}
		}
		if x.WantsRepair() && r.IntN(2) == 0 {
			err = x.Repair(ctx)
		}
		if err == nil && r.IntN(40) == 0 {
			err = x.Save(ctx, s, place, nil)
		}
		if err == nil && r.IntN(80) == 0 {
			if err = hnsw.Forget(s, place, away[:len(away)/2]); errors.Is(err, core.ErrNotFound) {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// TestSoak kills a changing process again and again: nothing that was done is lost, and every answer is the model's. A longer
// one: KAKOI_SOAK="OPERATIONS KILLS" go test -run Soak ./index/hnsw
func TestSoak(t *testing.T) {
	operations, kills := 30_000, 8
	if long := os.Getenv("KAKOI_SOAK"); long != "" {
		if _, err := fmt.Sscan(long, &operations, &kills); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "library")
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	var m model
	answers, killed := 0, 0
	for m.batch*soakBatch < operations || killed < kills {
		life := (operations/kills + soakBatch) / soakBatch
		until := m.batch + 1 + r.IntN(2*life)
		cmd := exec.Command(os.Args[0], "-test.run", "^$")
		cmd.Env = append(os.Environ(), soakEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		asked := [][]float32(nil)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			f := strings.SplitN(lines.Text(), " ", 3)
			n := 0
			if len(f) > 1 {
				n, _ = strconv.Atoi(f[1])
			}
			switch f[0] {
			case "start": // the batch after the last reported may be in
				if n != m.batch && n != m.batch+1 {
					t.Fatalf("starts with batch %d, %d were done", n, m.batch)
				}
				if n > m.batch {
					m.next()
				}
				asked = nil
				for i := range 10 {
					asked = append(asked, soakVector(uint64(i)+2e9))
				}
			case "done":
				_, _, asked = m.next()
				if n != m.batch {
					t.Fatalf("batch %d after %d", n, m.batch-1)
				}
				if m.batch >= until { // at some moment of what follows
					wait := time.Duration(r.IntN(60_000)) * time.Microsecond
					time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
					until = 1 << 60
				}
			case "answer":
				if len(asked) == 0 || n != m.batch {
					t.Fatalf("answer %q after batch %d", lines.Text(), m.batch)
				}
				if want := m.answer(asked[0]); len(f) < 3 || f[2] != want {
					t.Fatalf("batch %d: answer %q, the model's %q", m.batch, f[2], want)
				}
				asked = asked[1:]
				answers++
			default:
				t.Fatalf("child: %s", lines.Text())
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the process ended by itself: %v", err)
		}
		killed++
	}
	t.Logf("%d operations, %d kills, %d answers", m.batch*soakBatch, killed, answers)
}

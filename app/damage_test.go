package app_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
	"kakoi/resources"
)

// damagedVariable asks for another number of damaged files: 2000 is what is promised, and takes some minutes.
const damagedVariable = "KAKOI_DAMAGED"

// Limits of one damaged file, of any kind: the time it may hold the batch, and the memory that the process may come to need.
const (
	damagedTime   = 20 * time.Second
	damagedMemory = 3 << 30
)

// originals are sound files of every format, by name.
func originals(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{
		"plain.txt":  []byte(strings.Repeat("就業規則 第1条 この規則は従業員の労働条件を定める。\n", 60)),
		"table.csv":  []byte("品名,数量,単価\n" + strings.Repeat("ネジ,12,30\n\"長い, 名前\",5,1000\n", 40)),
		"sheets.pdf": ingesttest.Sheets(ingesttest.TextSheet("Hello"), ingesttest.ScanSheet, ingesttest.GarbledSheet, ""),
	}
	dir := filepath.Join("..", "core", "ingest", "testdata")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if ingest.Kind(e.Name()) == "" || e.IsDir() {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = raw
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, name := range []string{"plain.txt", "table.csv", "office.docx", "quote.eml", "minutes.msg"} {
		w, err := z.Create("資料/" + name)
		if err == nil {
			_, err = w.Write(out[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	out["share.zip"] = archive.Bytes()
	return out
}

// damages are the ways a file is spoilt; other is a file of another format.
var damages = []struct {
	name string
	do   func(r *rand.Rand, data, other []byte) []byte
}{
	{"flip", func(r *rand.Rand, data, _ []byte) []byte {
		for range 1 + r.IntN(8) {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		return data
	}},
	{"cut", func(r *rand.Rand, data, _ []byte) []byte { return data[:r.IntN(len(data))] }},
	{"splice", func(r *rand.Rand, data, other []byte) []byte {
		return append(data[:r.IntN(len(data))], other[r.IntN(len(other)):]...)
	}},
	{"hole", func(r *rand.Rand, data, _ []byte) []byte {
		from := r.IntN(len(data))
		clear(data[from:min(len(data), from+1+r.IntN(4096))])
		return data
	}},
	{"twice", func(r *rand.Rand, data, _ []byte) []byte {
		from := r.IntN(len(data))
		to := from + r.IntN(len(data)-from+1)
		return append(data[:to:to], data[from:]...)
	}},
	{"inside", spoilPart},
}

// spoilPart damages one part of a package and packs it anew, so that the damage is not stopped by the checksum; other files are
// given large numbers.
func spoilPart(r *rand.Rand, data, _ []byte) []byte {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) == 0 {
		for range 1 + r.IntN(4) {
			at := r.IntN(len(data))
			copy(data[at:], []byte{0xff, 0xff, 0xff, 0x7f})
		}
		return data
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	which := r.IntN(len(z.File))
	for i, f := range z.File {
		from, err := f.Open()
		if err != nil {
			return data
		}
		raw, err := io.ReadAll(from)
		if err != nil {
			return data
		}
		if i == which && len(raw) > 0 {
			if raw[r.IntN(len(raw))] ^= 1 << r.IntN(8); r.IntN(2) == 0 {
				raw = append(raw[:r.IntN(len(raw))], data[r.IntN(len(data)):]...)
			}
		}
		w, err := out.Create(f.Name)
		if err == nil {
			_, err = w.Write(raw)
		}
		if err != nil {
			return data
		}
	}
	if out.Close() != nil {
		return data
	}
	return b.Bytes()
}

// TestDamagedFiles adds files of every format that are spoilt in every way, with sound ones among them, to a real store: none ends the
// process, none holds the batch longer than the limit, each is added or refused with a reason and a hint, and all sound ones are in.
func TestDamagedFiles(t *testing.T) {
	number := 240
	if testing.Short() {
		number = 80
	}
	if n, err := strconv.Atoi(os.Getenv(damagedVariable)); err == nil && n > 0 {
		number = n
	}
	b := open(t, nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b.library.Read = ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm"), Timeout: damagedTime}
	sound := originals(t)
	var names []string
	for name := range sound {
		names = append(names, name)
	}
	sort.Strings(names)
	dir := filepath.Join(b.dir, "docs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(20261127, 7))
	nSound := 0
	for i := range number {
		name, how := names[i%len(names)], damages[(i/len(names)+i)%len(damages)]
		other := sound[names[random.IntN(len(names))]]
		write(fmt.Sprintf("%05d-%s-%s", i, how.name, name), how.do(random, bytes.Clone(sound[name]), other))
		if i%20 == 0 {
			write(fmt.Sprintf("%05d-sound.txt", i), fmt.Appendf(nil, "The sound file with number %d is kept in room %d.", i, i%17))
			nSound++
		}
	}
	files, problems, err := ingest.Walk(t.Context(), []string{dir}, b.library.Read)
	if err != nil {
		t.Fatal(err)
	}
	last, longest, slowest := time.Now(), time.Duration(0), ""
	ended := 0
	memory := watchMemory(t)
	s, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}}, app.AddOptions{
		Explain: func(err error) (string, string) { return resources.ErrorText("en", err) },
		Count: func(c app.AddCount) {
			if c.Files != ended {
				if took := time.Since(last); took > longest {
					longest, slowest = took, c.Name
				}
				ended, last = c.Files, time.Now()
			}
		},
	})
	peak := memory()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Added+s.Pictures+len(s.Failed), len(files)+len(problems); got != want {
		t.Errorf("%d files came to an end, of %d", got, want)
	}
	for _, f := range s.Failed {
		if f.Reason == "" || f.Hint == "" || strings.HasPrefix(f.Reason, "error.") {
			t.Errorf("%s was refused without a reason: %+v", filepath.Base(f.Path), f)
		}
		if strings.Contains(f.Path, "-sound.txt") {
			t.Errorf("a sound file was refused: %+v", f)
		}
	}
	if longest > damagedTime+10*time.Second {
		t.Errorf("%v for %s", longest, slowest)
	}
	if peak > damagedMemory {
		t.Errorf("%d MB were needed", peak>>20)
	}
	docs, err := b.library.List(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	tally, ready := map[string][2]int{}, 0
	for _, d := range docs {
		n := tally[d.Kind]
		if d.State == core.DocumentReady {
			n[0]++
			if strings.HasSuffix(d.Name, "-sound.txt") {
				ready++
			}
		} else {
			n[1]++
		}
		tally[d.Kind] = n
	}
	if ready != nSound {
		t.Errorf("%d of %d sound files are in", ready, nSound)
	}
	found, err := b.library.Search(t.Context(), "main", "sound file with number 60", 3)
	if err != nil || len(found) == 0 || !strings.Contains(found[0].Text, "number 60 ") {
		t.Errorf("a sound file is found as %+v, %v", found, err)
	}
	t.Logf("%d damaged files of %d formats, %d documents added, %d refused, %.0f s, the longest %v (%s), memory at most %d MB", number, len(names), s.Added, len(s.Failed), s.Seconds, longest.Round(time.Millisecond), slowest, peak>>20)
	for _, kind := range sortedKeys(tally) {
		t.Logf("%-5s %4d added, %4d refused", kind, tally[kind][0], tally[kind][1])
	}
}

func sortedKeys(m map[string][2]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// watchMemory looks at the memory that Go has from the system until it is called; WebAssembly's is among it.
func watchMemory(t *testing.T) (peak func() uint64) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				done <- most
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.Sys-m.HeapReleased)
			}
		}
	}()
	return func() uint64 { close(stop); return <-done }
}

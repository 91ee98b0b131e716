package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"kakoi/core"
)

// Damage is what is wrong with the files of a library.
type Damage struct {
	Holes []Hole   // in what holds values
	Files []string // files that hold none of ours and are made anew: the list of tables, for one
}

// Any says whether there is any.
func (d Damage) Any() bool { return len(d.Holes)+len(d.Files) > 0 }

func (d Damage) Error() string {
	var parts []string
	for _, f := range d.Files {
		parts = append(parts, f+" cannot be read")
	}
	for _, h := range d.Holes {
		parts = append(parts, fmt.Sprintf("%s: %d bytes at %d cannot be read", h.File, h.Bytes, h.Offset))
	}
	return strings.Join(parts, "; ")
}

// Unwrap makes it a core.ErrCorrupt.
func (d Damage) Unwrap() error { return core.ErrCorrupt }

// Inspect reads every byte of a library that is not open in this process, without Badger, and changes nothing. core.ErrBusy when another process has it;
// core.ErrNotFound when there is no library.
func Inspect(ctx context.Context, dir string, opt Options, progress core.Progress) (Damage, error) {
	unlock, err := lockFolder(dir)
	if err != nil {
		return Damage{}, err
	}
	defer unlock()
	f, err := listFolder(dir, opt.subkey())
	if err != nil {
		return Damage{}, err
	}
	holes, err := f.scan(ctx, progress, nil)
	return Damage{holes, f.odd}, err
}

// lockFolder keeps others from opening a library, as Badger does it.
func lockFolder(dir string) (unlock func(), err error) {
	lock, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("library %s: %w", dir, core.ErrNotFound)
	} else if err != nil {
		return nil, err
	}
	if err := patiently(func() (bool, error) {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		return err != nil, err
	}); err != nil {
		return nil, errors.Join(core.Explain(fmt.Errorf("lock %s: %w", dir, core.ErrBusy), "error.store.busy"), lock.Close())
	}
	return func() { _ = lock.Close() }, nil
}

// folder is what a library's folder holds.
type folder struct {
	dir    string
	tables []string // those that count
	logs   []string
	odd    []string // what else is wrong: Damage.Files
	bytes  int64
	keys   *ring // nil: not encrypted
	torn   int64 // where the last whole line of the list of tables ends, if another was begun; 0: none was
}

// listFolder reads the list of tables. Where it is damaged all tables count: the newest version of each key is the right one, wherever it lies.
func listFolder(dir string, key []byte) (f *folder, err error) {
	f = &folder{dir: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read library folder: %w", err)
	}
	if f.keys, f.odd, err = readRing(dir, key); err != nil {
		return nil, err
	}
	f.odd = append(f.odd, oddLogs(dir, entries, f.keys)...)
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
		switch filepath.Ext(e.Name()) {
		case ".mem":
			f.logs = append(f.logs, e.Name())
		case ".sst":
			f.tables = append(f.tables, e.Name())
		default:
			continue
		}
		if info, err := e.Info(); err == nil {
			f.bytes += info.Size()
		}
	}
	if !there[badger.ManifestFilename] {
		if len(f.tables) > 0 {
			f.odd = append(f.odd, badger.ManifestFilename)
		}
		return f, nil
	}
	listed, dropped, state, end := readManifest(dir)
	named := map[string]bool{}
	for _, id := range listed {
		name := filepath.Base(table.NewFilename(id, dir))
		named[name] = true
		if state == manifestWhole && !there[name] {
			f.odd = append(f.odd, name)
		}
	}
	missing := slices.ContainsFunc(listed, func(id uint64) bool { return !there[filepath.Base(table.NewFilename(id, dir))] })
	// A whole table that is not named may be of a line that was lost, unless there are logs: a kill leaves such tables beside the logs that have what is in them.
	// All tables together are right in either case. Badger's Close compacts when the logs are gone: a kill leaves what it makes beside what that is made of, and then,
	// when the list has changed, what it was made of.
	unnamed := slices.DeleteFunc(slices.Clone(f.tables), func(name string) bool {
		return named[name] || dropped[name] || state != manifestTorn && len(f.logs) > 0 || !wholeTable(filepath.Join(dir, name))
	})
	lost := len(unnamed) > 0 && state != manifestDamaged && !f.spare(unnamed, slices.DeleteFunc(slices.Clone(f.tables), func(name string) bool { return !named[name] }))
	if state == manifestDamaged || state == manifestTorn && missing || lost { // Badger would delete the tables that it does not name
		f.odd = append(f.odd, badger.ManifestFilename)
		return f, nil
	}
	if state == manifestTorn {
		f.torn = end
	}
	f.tables = slices.DeleteFunc(f.tables, func(name string) bool { return !named[name] })
	return f, nil
}

// spare says whether all that some tables hold stands in others, too.
func (f *folder) spare(tables, others []string) bool {
	seed := maphash.MakeSeed()
	var buf []byte
	sum := func(e rawEntry) uint64 {
		buf = binary.BigEndian.AppendUint64(append(buf[:0], e.key...), e.version)
		return maphash.Bytes(seed, buf)
	}
	left := map[uint64]struct{}{}
	for _, name := range tables {
		holes, _, err := scanFile(f.dir, name, f.keys, func(e rawEntry) error {
			left[sum(e)] = struct{}{}
			return nil
		})
		if err != nil || len(holes) > 0 {
			return false
		}
	}
	slices.Sort(others)
	for _, name := range slices.Backward(others) { // the newest are what the last compactions were of
		if len(left) == 0 {
			break
		}
		_, _, _ = scanFile(f.dir, name, f.keys, func(e rawEntry) error { // what is in a hole is not found
			delete(left, sum(e))
			return nil
		})
	}
	return len(left) == 0
}

// wholeTable says whether a table has its index, which is written last.
func wholeTable(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	_, indexed := tableEnd(data)
	return indexed
}

const (
	manifestWhole   = iota
	manifestTorn    // its last line did not come to the disk whole: a loss of power, before anything depended on it
	manifestDamaged // it cannot be read, from some line on
)

// readManifest gives the numbers of the tables that a library has, as far as its list of changes can be read, the names of those that it had, and where the list
// ends: it begins with 8 bytes, each line is a length, a CRC-32C and a protobuf.
func readManifest(dir string) (ids []uint64, dropped map[string]bool, state int, end int64) {
	dropped = map[string]bool{}
	text, err := os.ReadFile(filepath.Join(dir, badger.ManifestFilename))
	if err != nil || len(text) < 8 || string(text[:4]) != "Bdgr" || binary.BigEndian.Uint32(text[4:]) != manifestVersion {
		return nil, dropped, manifestDamaged, 0
	}
	at := 8
	for at < len(text) {
		rest := text[at:]
		var set pb.ManifestChangeSet
		n, ok := lineAt(rest)
		if !ok || proto.Unmarshal(rest[8:8+n], &set) != nil {
			if tornLine(rest) {
				return ids, dropped, manifestTorn, int64(at)
			}
			return ids, dropped, manifestDamaged, int64(at)
		}
		for _, c := range set.Changes {
			name := filepath.Base(table.NewFilename(c.Id, dir))
			if c.Op == pb.ManifestChange_DELETE {
				ids = slices.DeleteFunc(ids, func(id uint64) bool { return id == c.Id })
				dropped[name] = true
			} else {
				ids = append(ids, c.Id)
				delete(dropped, name)
			}
		}
		at += 8 + n
	}
	slices.Sort(ids)
	return ids, dropped, manifestWhole, int64(at)
}

// manifestVersion is Badger's 8 under no magic number of ours.
const manifestVersion = 8

// tornLine says whether what follows the sound lines is the beginning of one and nothing else, as a loss of power leaves it: cut, or with zeros for what did not
// come. Anything that was whole once is damage, since what it named may be needed: a line of the full length, one whose length alone is wrong,
// and a sound line somewhere behind.
func tornLine(rest []byte) bool {
	for at := range rest {
		if n, ok := lineAt(rest[at:]); ok && n > 0 {
			return false
		}
	}
	if len(rest) < 8 || len(bytes.TrimRight(rest, "\x00")) < 8 {
		return true
	}
	want := binary.BigEndian.Uint32(rest[4:])
	sum := uint32(0)
	for i := range rest[8:] {
		if sum = crc32.Update(sum, castagnoli, rest[8+i:9+i]); sum == want {
			return false
		}
	}
	return int64(binary.BigEndian.Uint32(rest)) > int64(len(rest)-8) || rest[len(rest)-1] == 0
}

// lineAt is the length of what a line at the start of data holds, if it is whole and under a right checksum.
func lineAt(data []byte) (n int, ok bool) {
	if len(data) < 8 {
		return 0, false
	}
	n = int(binary.BigEndian.Uint32(data))
	return n, n <= len(data)-8 && crc32.Checksum(data[8:8+n], castagnoli) == binary.BigEndian.Uint32(data[4:])
}

// oddLogs are those whose beginning, which names the key of their cipher, cannot be right. Nothing of ours is in it.
func oddLogs(dir string, entries []fs.DirEntry, keys *ring) (odd []string) {
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		head := make([]byte, logHeader)
		n, _ := io.ReadFull(f, head)
		if _, ok := keys.logCipher(head[:n]); !ok {
			odd = append(odd, e.Name())
		}
		_ = f.Close()
	}
	return odd
}

// scan reads tables and logs, several files at a time; take gets the entries of a file, from one goroutine for each file. nil looks
// for holes only.
func (f *folder) scan(ctx context.Context, progress core.Progress, take func(file string) func(rawEntry) error) ([]Hole, error) {
	files := slices.Concat(f.tables, f.logs)
	holes := make([][]Hole, len(files))
	failed := make([]error, len(files))
	var done atomic.Int64
	var next atomic.Int32
	var told sync.Mutex
	var workers sync.WaitGroup
	for range min(4, len(files)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
				if failed[i] = ctx.Err(); failed[i] != nil {
					return
				}
				fn := func(rawEntry) error { return ctx.Err() }
				if take != nil {
					fn = take(files[i])
				}
				var n int64
				holes[i], n, failed[i] = scanFile(f.dir, files[i], f.keys, fn)
				told.Lock()
				progress.Report(core.Update{Stage: "verify", Done: done.Add(n), Total: max(f.bytes, done.Load())})
				told.Unlock()
			}
		})
	}
	workers.Wait()
	return slices.Concat(holes...), errors.Join(failed...)
}

func scanFile(dir, name string, keys *ring, fn func(rawEntry) error) (holes []Hole, n int64, err error) {
	data, err := os.ReadFile(filepath.Join(dir, name)) // not mapped: a sector that cannot be read is an error then, not the end of the process
	if err != nil {
		return []Hole{{File: name}}, 0, nil
	}
	if filepath.Ext(name) == ".mem" {
		holes, err = scanLog(name, data, keys, fn)
	} else {
		holes, err = scanTable(name, data, keys, fn)
	}
	return holes, int64(len(data)), err
}

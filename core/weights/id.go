package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"kakoi/core"
)

// File is one file of a Folder that has a say in what the model computes.
type File struct {
	Name     string    `json:"name"` // with / below the folder
	Size     int64     `json:"size"` // bytes
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256"` // hex
}

// cacheFrom is the size from which hashing takes long enough to be felt at every start, and a note of its result pays.
const cacheFrom = 16 << 20

// Files lists the files that make the model: its weight files, and the .json, .model and .txt files of the folder
// and of the folders directly below it, sorted by name. SHA256 is left empty.
func (f *Folder) Files() ([]File, error) {
	var names []string
	for _, m := range f.files {
		names = append(names, m.name)
	}
	for _, pattern := range []string{"*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(globEscape(f.dir), pattern))
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", f.dir, err)
		}
		for _, path := range found {
			name, err := filepath.Rel(f.dir, path)
			if err != nil {
				return nil, fmt.Errorf("list %q: %w", f.dir, err)
			}
			if strings.HasPrefix(filepath.ToSlash(name), Cache4Bit+"/") || strings.HasPrefix(filepath.ToSlash(name), Recipe+"/") || name == Refusals {
				continue // made of the model, no part of it
			}
			switch filepath.Ext(name) {
			case ".json", ".model", ".txt":
				if !strings.HasPrefix(filepath.Base(name), ".") && !strings.HasPrefix(name, ".") {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	var files []File
	for _, name := range slices.Compact(names) {
		st, err := os.Stat(filepath.Join(f.dir, name))
		if err != nil {
			return nil, fmt.Errorf("list %q: %w", f.dir, err)
		}
		if st.Mode().IsRegular() {
			files = append(files, File{Name: filepath.ToSlash(name), Size: st.Size(), Modified: st.ModTime()})
		}
	}
	return files, nil
}

func bytesOf(files []File) (n int64) {
	for _, x := range files {
		n += x.Size
	}
	return n
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// ID is 16 hex digits over names, sizes and contents of Files: it changes when the model does, and only then.
// Stage "hash" reports bytes. For a large folder the hashes are read from a hidden file beside it, and believed as long
// as sizes and times stay the same. Who made the folder makes that file (Note, Pack); only one of Note's is renewed, so
// that nothing is written beside folders that are not ours.
func (f *Folder) ID(ctx context.Context, p core.Progress) (string, error) {
	_, id, err := f.Hashed(ctx, p)
	return id, err
}

// Hashed is Files with their SHA256, and the ID that they come to.
func (f *Folder) Hashed(ctx context.Context, p core.Progress) ([]File, string, error) {
	files, err := f.Files()
	if err != nil {
		return nil, "", err
	}
	if err := f.hashFiles(ctx, files, p); err != nil {
		return nil, "", err
	}
	return files, contentID(files), nil
}

// Stamp is 16 hex digits over names, sizes and times of Files: it changes when a file is replaced, without reading any.
func (f *Folder) Stamp() (string, error) {
	files, err := f.Files()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, x := range files {
		fmt.Fprintf(h, "%q %d %d\n", x.Name, x.Size, x.Modified.UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func contentID(files []File) string {
	h := sha256.New()
	for _, x := range files {
		fmt.Fprintf(h, "%q %d %s\n", x.Name, x.Size, x.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// hashFiles fills in SHA256, from a note where one holds.
func (f *Folder) hashFiles(ctx context.Context, files []File, p core.Progress) error {
	total := bytesOf(files)
	if total >= cacheFrom && recall(f.dir, files) {
		return nil
	}
	if err := hashAll(ctx, f.dir, files, total, p); err != nil {
		return err
	}
	note := notePath(f.dir, kept)
	if _, err := os.Lstat(note); err == nil && total >= cacheFrom {
		_ = remember(note, files) // not being able to only costs time
	}
	return nil
}

// Note keeps the hashes of a folder that is known already (hex SHA-256 by file name, as after copying it), so that ID
// need not read it again. A folder with other files than those of sums is left without a note.
func (f *Folder) Note(sums map[string]string) error {
	files, err := f.Files()
	if err != nil {
		return err
	}
	for i, x := range files {
		if files[i].SHA256 = sums[x.Name]; files[i].SHA256 == "" {
			return nil
		}
	}
	if bytesOf(files) < cacheFrom {
		return nil
	}
	return remember(notePath(f.dir, kept), files)
}

// Pack hashes a folder that is to be carried elsewhere and makes its note, which nobody renews: it is one of the files
// that are carried, whose sums are known.
func (f *Folder) Pack(ctx context.Context) error {
	files, _, err := f.Hashed(ctx, nil)
	if err != nil {
		return err
	}
	if bytesOf(files) < cacheFrom {
		return nil
	}
	return remember(notePath(f.dir, packed), files)
}

// IDFrom is ID for a folder whose hashes are known (hex SHA-256 by file name); false if those of a file are missing.
func (f *Folder) IDFrom(sums map[string]string) (string, bool) {
	files, err := f.Files()
	if err != nil {
		return "", false
	}
	for i, x := range files {
		if files[i].SHA256 = sums[x.Name]; files[i].SHA256 == "" {
			return "", false
		}
	}
	return contentID(files), true
}

// hashAll hashes on as many cores as there are, largest file first.
func hashAll(ctx context.Context, dir string, files []File, total int64, p core.Progress) error {
	order := make([]int, len(files))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(min(1, max(-1, files[b].Size-files[a].Size))) })
	var (
		mu   sync.Mutex
		done int64
		bad  error
		next int
		wg   sync.WaitGroup
	)
	advance := func(name string, n int64) {
		mu.Lock()
		defer mu.Unlock()
		done += n
		p.Report(core.Update{Stage: "hash", Done: done, Total: total, Note: name})
	}
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			for {
				mu.Lock()
				if next == len(order) || bad != nil {
					mu.Unlock()
					return
				}
				x := &files[order[next]]
				next++
				mu.Unlock()
				sum, err := hashFile(ctx, filepath.Join(dir, filepath.FromSlash(x.Name)), func(n int64) { advance(x.Name, n) })
				mu.Lock()
				if x.SHA256 = sum; err != nil && bad == nil {
					bad = fmt.Errorf("hash %q: %w", x.Name, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return bad
}

func hashFile(ctx context.Context, path string, advance func(int64)) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 4<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		advance(int64(n))
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// How the notes of hashes beside a folder end.
const (
	kept   = ".sha256.json"        // Note's
	packed = ".packed.sha256.json" // Pack's
)

func notePath(dir, end string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	return filepath.Join(filepath.Dir(abs), "."+filepath.Base(abs)+end)
}

// recall fills the hashes from one of the notes beside a folder, if it is of the same files, sizes and times.
func recall(dir string, files []File) bool {
	return readNote(notePath(dir, kept), files) || readNote(notePath(dir, packed), files)
}

func readNote(path string, files []File) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var old []File
	if json.Unmarshal(b, &old) != nil || len(old) != len(files) {
		return false
	}
	for i, x := range files {
		if o := old[i]; o.Name != x.Name || o.Size != x.Size || !o.Modified.Equal(x.Modified) || len(o.SHA256) != 64 {
			return false
		}
	}
	for i := range files {
		files[i].SHA256 = old[i].SHA256
	}
	return true
}

// remember keeps the hashes.
func remember(path string, files []File) error {
	b, err := json.Marshal(files)
	if err != nil {
		return fmt.Errorf("encode hashes: %w", err)
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("keep hashes: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("keep hashes: %w", err)
	}
	return nil
}

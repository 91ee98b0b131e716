//go:build torch

package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/internal/kernel/upload"
)

// TestMain: the driver is opened by name, so the tests run in a process that finds testdata/driver.c under it.
func TestMain(m *testing.M) {
	if os.Getenv("KAKOI_TEST_DRIVER") != "" {
		os.Exit(m.Run())
	}
	os.Exit(again())
}

func again() int {
	dir, err := os.MkdirTemp("", "driver")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	out, err := exec.Command("cc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", filepath.Join(dir, "libcuda.so.1"), "testdata/driver.c").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "compile the test's driver: %v\n%s", err, out)
		return 1
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "KAKOI_TEST_DRIVER=1", "LD_LIBRARY_PATH="+dir+":"+os.Getenv("LD_LIBRARY_PATH"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// file is a file of n random bytes.
func file(t *testing.T, n int) ([]byte, *os.File) {
	t.Helper()
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(data)
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return data, f
}

func alloc(t *testing.T, n int) uintptr {
	t.Helper()
	p, err := upload.Alloc(0, int64(n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { upload.Free(0, p) })
	return p
}

// Pieces of all lengths, in groups, some empty, all at once or through a staging area whose slots are used again: what
// arrived is what the file holds, at the moment its group is waited for.
func TestPiecesArrive(t *testing.T) {
	data, f := file(t, 40<<20+12345)
	for depth := range 4 {
		const slot = 10 << 20
		to := alloc(t, max(1, depth)*slot)
		all := alloc(t, len(data))
		rng := rand.New(rand.NewPCG(uint64(depth), 1))
		var pieces []upload.Piece
		var ends []int
		group := 0
		for at := 0; at < len(data); group++ {
			used := 0
			if rng.IntN(5) > 0 {
				for range 1 + rng.IntN(3) {
					n := min(1+rng.IntN(slot/3), len(data)-at)
					if n == 0 {
						break
					}
					p := upload.Piece{File: f, Offset: int64(at), Bytes: int64(n), To: all + uintptr(at), Group: group}
					if depth > 0 {
						p.To = to + uintptr(group%depth*slot+used)
					}
					pieces = append(pieces, p)
					at, used = at+n, used+n
				}
			}
			ends = append(ends, at)
		}
		job, err := upload.Start(0, pieces, group, depth)
		if err != nil {
			t.Fatal(err)
		}
		from := 0
		for g, end := range ends {
			if err := job.Wait(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, end-from)
			src := all + uintptr(from)
			if depth > 0 {
				src = to + uintptr(g%depth*slot)
			}
			if err := upload.Read(0, got, src); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, data[from:end]) {
				t.Fatalf("depth %d, group %d of %d bytes differs", depth, g, end-from)
			}
			from = end
			job.Release(g)
		}
		if err := job.Finish(false); err != nil {
			t.Error(err)
		}
	}
}

// A file that is too short, a context that ends, a stop in the middle: each is an error or an end, and nothing hangs.
func TestEnds(t *testing.T) {
	data, f := file(t, 8<<20)
	to := alloc(t, 16<<20)
	job, err := upload.Start(0, []upload.Piece{{File: f, Bytes: 16 << 20, To: to}}, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Wait(t.Context(), 0); err == nil {
		t.Error("a short file went through")
	}
	if err := job.Finish(false); err == nil {
		t.Error("a short file was no error at the end")
	}

	pieces := []upload.Piece{{File: f, Bytes: 1 << 20, To: to}, {File: f, Bytes: int64(len(data)), To: to, Group: 1}}
	if job, err = upload.Start(0, pieces, 2, 1); err != nil { // the second never gets room
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := job.Wait(ctx, 0); err != nil {
		t.Error(err)
	}
	if err := job.Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a group without room: %v", err)
	}
	if err := job.Finish(true); err != nil {
		t.Error(err)
	}

	for _, bad := range [][]upload.Piece{nil, {{File: f, To: to}}, {{File: f, Bytes: 1, To: to, Group: 1}, {File: f, Bytes: 1, To: to}}, {{File: f, Bytes: 1, To: to, Group: 2}}} {
		if _, err := upload.Start(0, bad, 2, 0); err == nil {
			t.Errorf("started %v", bad)
		}
	}
}

func TestMemory(t *testing.T) {
	if _, err := upload.Alloc(0, 2<<30); !errors.Is(err, core.ErrOutOfMemory) {
		t.Errorf("an allocation that cannot be: %v", err)
	}
	if err := upload.Open(1); err == nil || errors.Is(err, core.ErrOutOfMemory) {
		t.Errorf("a device that is not there: %v", err)
	}
	p := alloc(t, 100)
	if err := errors.Join(upload.Zero(0, p, 100), upload.Write(0, p+10, []byte("abc")), upload.Await(0, 0), upload.Synchronize(0)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 14)
	if err := upload.Read(0, got, p+1); err != nil || string(got) != "\x00\x00\x00\x00\x00\x00\x00\x00\x00abc\x00\x00" {
		t.Errorf("%q, %v", got, err)
	}
	free, total, err := upload.Memory(0)
	if err != nil || free <= 0 || total < free {
		t.Errorf("%d of %d free, %v", free, total, err)
	}
}

// What is filled is filled when Zero comes back: the work that follows goes to streams that do not wait for it.
func TestZeroWaits(t *testing.T) {
	p := alloc(t, 1000)
	if err := upload.Write(0, p, bytes.Repeat([]byte{1}, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := upload.Zero(0, p, 999); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1000)
	if err := upload.Read(0, got, p); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, append(make([]byte, 999), 1)) {
		t.Errorf("%d bytes are not as they should be", bytes.Count(got, []byte{1}))
	}
}

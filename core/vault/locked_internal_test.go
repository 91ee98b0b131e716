package vault

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lockedBytes is what of this process the system keeps out of its swap space.
func lockedBytes(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmLck:" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	return 0
}

// TestKeyStaysInMemory: a key's page is locked where the limit allows it; where it does not, the key is there all the same.
func TestKeyStaysInMemory(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		t.Fatal(err)
	}
	k, err := FromFiles(bytes.Repeat([]byte("key "), 12))
	if err != nil || k.Derive("x") == nil {
		t.Fatal(err)
	}
	if got := lockedBytes(t); limit.Cur >= 1<<20 && got == 0 && unix.Mlock(make([]byte, 1)) == nil {
		t.Error("nothing is locked")
	}
	k.Close()
	if k.files != [keySize]byte{} {
		t.Error("the key is there after its end")
	}
}

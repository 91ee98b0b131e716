package ingest_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/ingest"
)

// random is splitmix64, as in testdata/split_golden.py.
type random uint64

func (r *random) next(n uint64) uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z ^ z>>31) % n
}

func goldenText(i int, pieces []string) string {
	r := random(i)
	var b strings.Builder
	for range r.next(160) {
		switch kind := r.next(10); {
		case kind < 4:
			for range 1 + r.next(9) {
				b.WriteByte('a' + byte(r.next(5)))
			}
		case kind < 7:
			longest := uint64(12)
			if i%3 == 0 {
				longest = 90
			}
			for range 1 + r.next(longest) {
				if r.next(2) != 0 {
					b.WriteRune(0x3041 + rune(r.next(80)))
				} else {
					b.WriteRune(0x4e00 + rune(r.next(500)))
				}
			}
		default:
			b.WriteString(pieces[r.next(uint64(len(pieces)))])
		}
		if r.next(3) == 0 {
			if r.next(4) != 0 {
				b.WriteByte(' ')
			} else {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

func TestSplitIsLangChains(t *testing.T) {
	f, err := os.Open("testdata/split_golden.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Settings [][3]json.RawMessage
		Pieces   []string
		Texts    []struct {
			Number  int
			Setting int
			Text    string
			Lengths []int
			Chunks  string
		}
	}
	if err := json.NewDecoder(z).Decode(&golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Texts) != 2000 {
		t.Fatalf("%d rows, want 1,000 texts twice", len(golden.Texts))
	}
	var settings []core.SplitSettings
	for _, raw := range golden.Settings {
		var s core.SplitSettings
		for i, v := range []any{&s.Separators, &s.Size, &s.Overlap} {
			if err := json.Unmarshal(raw[i], v); err != nil {
				t.Fatal(err)
			}
		}
		settings = append(settings, s)
	}
	total := 0
	for _, want := range golden.Texts {
		i := want.Number
		text := goldenText(i, golden.Pieces)
		if hash(text) != want.Text {
			t.Fatalf("text %d differs from Python's", i)
		}
		chunks, err := ingest.Split([]core.Page{{Number: 1, Text: text}}, settings[want.Setting])
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, c := range chunks {
			texts = append(texts, c.Text)
		}
		if got := strings.Join(texts, "\x00"); hash(got) != want.Chunks {
			for j := range max(len(texts), len(want.Lengths)) {
				if j >= len(texts) || j >= len(want.Lengths) || utf8.RuneCountInString(texts[j]) != want.Lengths[j] {
					t.Errorf("text %d, setting %d: %d chunks, want %d; first difference at chunk %d", i, want.Setting, len(texts), len(want.Lengths), j)
					break
				}
			}
			t.Fatalf("text %d, setting %d: chunks %q", i, want.Setting, texts)
		}
		total += len(chunks)
	}
	if total < 50_000 {
		t.Errorf("only %d chunks compared", total)
	}
}

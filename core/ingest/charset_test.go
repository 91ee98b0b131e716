package ingest_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"kakoi/core"
	"kakoi/core/ingest"
)

const prose = `第1条 この規程は、従業員の出張にかかる旅費について定める。
第2条 日当は一日あたり2,500円とし、宿泊費の上限は12,000円とする。ただし、東京都区部では15,000円まで認める。
Tickets are bought by the general affairs section; receipts go to Ms. Tanaka by the 25th.
備考: ｶﾅの略称も使う。「やむを得ない場合」は部長の承認を得ること！ それ以外は？
`

var encodings = []struct {
	name string
	enc  encoding.Encoding
}{
	{"shift_jis", japanese.ShiftJIS},
	{"euc-jp", japanese.EUCJP},
	{"iso-2022-jp", japanese.ISO2022JP},
	{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
	{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
	{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
	{"utf-8", unicode.UTF8},
	{"utf-8", unicode.UTF8BOM},
}

func encode(t *testing.T, enc encoding.Encoding, s string) []byte {
	t.Helper()
	out, err := enc.NewEncoder().Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDecode(t *testing.T) {
	for i, e := range encodings {
		text, charset, err := ingest.Decode(encode(t, e.enc, prose))
		if err != nil || charset != e.name || text != prose {
			t.Errorf("%d: %s read as %q, %v:\n%s", i, e.name, charset, err, text)
		}
	}
}

// Every cut of 15 characters that holds Japanese is recognised; facts in the field say that 6 to 15 are enough.
func TestDecodeShortCuts(t *testing.T) {
	runes := []rune(prose)
	for i, e := range encodings {
		for start := 0; start+15 <= len(runes); start++ {
			cut := string(runes[start : start+15])
			kana := strings.ContainsFunc(cut, func(c rune) bool { return c >= 'ぁ' && c <= 'ん' })
			if !kana {
				continue
			}
			text, charset, err := ingest.Decode(encode(t, e.enc, cut))
			if err != nil || charset != e.name || text != cut {
				t.Errorf("%d: %s %q read as %s %q, %v", i, e.name, cut, charset, text, err)
			}
		}
	}
}

func TestDecodeWindowsExtensions(t *testing.T) {
	const want = "①㈱髙﨑Ⅷ№の～"
	for _, c := range []struct {
		name string
		data string
	}{
		{"shift_jis", "\x87\x40\x87\x8a\xfb\xfc\xed\x95\x87\x5b\x87\x82\x82\xcc\x81\x60"},
		{"iso-2022-jp", "\x1b$B\x2d\x21\x2d\x6a\x7c\x62\x79\x75\x2d\x3c\x2d\x62\x24\x4e\x21\x41\x1b(B"},
	} {
		text, charset, err := ingest.Decode([]byte(c.data))
		if err != nil || charset != c.name || text != want {
			t.Errorf("%s: %s %q, %v", c.name, charset, text, err)
		}
	}
}

func TestDecodeOther(t *testing.T) {
	french := "Le congé annuel est de vingt jours, à prendre entre mai et décembre."
	text, charset, err := ingest.Decode(encode(t, charmap.Windows1252, french))
	if err != nil || charset != "windows-1252" || text != french {
		t.Errorf("%s %q %v", charset, text, err)
	}
	// One damaged byte does not cost the file.
	damaged := []byte(strings.Repeat(prose, 3))
	damaged[500] = 0xff
	text, charset, err = ingest.Decode(damaged)
	if err != nil || charset != "utf-8" || strings.Count(text, "\ufffd") == 0 || !strings.HasPrefix(text, prose[:400]) {
		t.Errorf("damaged: %s %v %.60q", charset, err, text)
	}
}

func TestDecodeRefusesBinary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 64; n <= 1<<20; n *= 2 {
		for range 20 {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			if text, charset, err := ingest.Decode(data); !errors.Is(err, core.ErrUnsupported) {
				t.Fatalf("%d random bytes read as %s: %.40q, %v", n, charset, text, err)
			}
		}
		if n >= 1<<16 {
			break
		}
	}
	for name, data := range map[string][]byte{
		"zeros":       make([]byte, 4096),
		"elf":         append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 500)...),
		"png":         []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\x00\x00\x00\x5c\x72\xa8\x66"),
		"utf16 noise": noise16(r, 4000),
	} {
		if text, charset, err := ingest.Decode(data); !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s read as %s: %.40q, %v", name, charset, text, err)
		}
	}
}

// noise16 is valid UTF-16 of random characters, lone surrogates left out.
func noise16(r *rand.Rand, n int) []byte {
	var out []byte
	for len(out) < n {
		c := rune(r.Uint32N(0x10000))
		if utf16.IsSurrogate(c) {
			continue
		}
		out = append(out, byte(c), byte(c>>8))
	}
	return out
}

func TestDecodeAs(t *testing.T) {
	data := encode(t, japanese.EUCJP, "規程")
	if text, charset, err := ingest.DecodeAs(data, " EUC-JP "); err != nil || text != "規程" || charset != "euc-jp" {
		t.Errorf("declared: %q %q %v", text, charset, err)
	}
	// A false declaration does not win.
	for _, declared := range []string{"utf-8", "iso-2022-jp", "utf-16", "none", ""} {
		text, _, err := ingest.DecodeAs(encode(t, japanese.ShiftJIS, prose), declared)
		if err != nil || text != prose {
			t.Errorf("declared %q: %.40q %v", declared, text, err)
		}
	}
}

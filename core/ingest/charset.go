package ingest

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

// Decode turns the bytes of a text file into UTF-8 and names the encoding it found: "utf-8", "utf-16le", "utf-16be",
// "shift_jis", "euc-jp", "iso-2022-jp" or "windows-1252". It errs when the bytes are not text.
//
// The order is: byte order mark, escape sequences of ISO-2022-JP, valid UTF-8, the look of UTF-16 without mark, then
// the better of Shift_JIS and EUC-JP by how much the result reads like Japanese; last, bytes that are mostly
// ASCII letters as windows-1252.
func Decode(data []byte) (text, charset string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		return accept(string(bytes.ToValidUTF8(data[3:], []byte("\ufffd"))), "utf-8")
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return accept(decodeWith(utf16LE, data[2:]), "utf-16le")
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return accept(decodeWith(utf16BE, data[2:]), "utf-16be")
	case hasEscapes(data):
		if s := decodeWith(japanese.ISO2022JP, data); !strings.Contains(s, "\ufffd") {
			return accept(s, "iso-2022-jp")
		}
	}
	if utf8.Valid(data) && !bytes.Contains(data, []byte{0}) {
		return accept(string(data), "utf-8")
	}
	if s, name := guessUTF16(data); name != "" {
		return accept(s, name)
	}
	if s, name := guessJapanese(data); name != "" {
		return accept(s, name)
	}
	// A damaged UTF-8 file is worth reading with marks where it is damaged.
	if s := strings.ToValidUTF8(string(data), "\ufffd"); share(s, func(c rune) bool { return c == utf8.RuneError }) < 0.01 {
		return accept(s, "utf-8")
	}
	if mostlyASCII(data) {
		return accept(decodeWith(charmap.Windows1252, data), "windows-1252")
	}
	return "", "", errNotText
}

// DecodeAs decodes with the charset an HTML page declares, if that gives clean text; else as Decode.
func DecodeAs(data []byte, declared string) (text, charset string, err error) {
	if hasMark(data) {
		return Decode(data)
	}
	if enc, err := htmlindex.Get(strings.TrimSpace(declared)); err == nil {
		name, _ := htmlindex.Name(enc)
		if enc == japanese.ShiftJIS || enc == japanese.EUCJP || enc == japanese.ISO2022JP || !strings.HasPrefix(name, "utf-16") {
			s := decodeWith(enc, data)
			if name == "utf-8" && !utf8.Valid(data) {
				s = "\ufffd"
			}
			if !strings.Contains(s, "\ufffd") && !looksBinary(s) {
				return s, name, nil
			}
		}
	}
	return Decode(data)
}

var (
	utf16LE = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16BE = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
)

func hasMark(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}) ||
		bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff})
}

// hasEscapes looks for the escape sequences that switch ISO-2022-JP to Japanese, in bytes of 7 bits.
func hasEscapes(data []byte) bool {
	found := false
	for i, b := range data {
		if b >= 0x80 {
			return false
		}
		if b != 0x1b || i+2 >= len(data) {
			continue
		}
		switch next := string(data[i+1 : i+3]); next {
		case "$B", "$@", "(I", "(J", "$(":
			found = true
		}
	}
	return found
}

func decodeWith(enc encoding.Encoding, data []byte) string {
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return "\ufffd"
	}
	return string(out)
}

func accept(s, charset string) (string, string, error) {
	if looksBinary(s) {
		return "", "", errNotText
	}
	return s, charset, nil
}

// looksBinary says whether a decoded text holds more than a stray control character or lost character:
// text files have tabs, line ends, form feeds and the odd escape, other files have control codes everywhere.
func looksBinary(s string) bool {
	odd, lost, n := 0, 0, 0
	for _, c := range s {
		n++
		switch {
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b, c == 0x7f, 0xfdd0 <= c && c <= 0xfdef, c&0xfffe == 0xfffe:
			odd++
		case c == utf8.RuneError:
			lost++
		}
	}
	return odd*100 > n || lost*20 > n
}

func share(s string, is func(rune) bool) float64 {
	hits, n := 0, 0
	for _, c := range s {
		n++
		if is(c) {
			hits++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(hits) / float64(n)
}

func mostlyASCII(data []byte) bool {
	letters := 0
	for _, b := range data {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == ' ' || b == '\n' {
			letters++
		}
	}
	return letters*10 >= len(data)*7
}

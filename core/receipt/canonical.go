package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"kakoi/core"
)

// Canonical writes a JSON text as RFC 8785 (JSON Canonicalization Scheme) has it: no white space, members sorted by the UTF-16 units of their
// names, numbers as ECMAScript writes a double, and in strings no escapes but those that must be.
//
// core.ErrCorrupt: it is no JSON, or none that has a canonical form: two members of one name, half of a surrogate pair, bytes that are not
// UTF-8, a number beyond a double.
func Canonical(text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("canonical JSON: not UTF-8: %w", core.ErrCorrupt)
	}
	if err := wholePairs(text); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	c := canonical{from: d}
	if err := c.value(); err != nil {
		return nil, fmt.Errorf("canonical JSON: at byte %d: %w: %w", d.InputOffset(), core.ErrCorrupt, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("canonical JSON: more behind byte %d: %w", d.InputOffset(), core.ErrCorrupt)
	}
	return c.to.Bytes(), nil
}

type canonical struct {
	from *json.Decoder
	to   bytes.Buffer
}

func (c *canonical) value() error {
	token, err := c.from.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return c.array()
		}
		return c.object()
	case string:
		writeString(&c.to, v)
	case json.Number:
		x, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return err
		}
		c.to.WriteString(number(x))
	case bool:
		c.to.WriteString(strconv.FormatBool(v))
	default:
		c.to.WriteString("null")
	}
	return nil
}

func (c *canonical) array() error {
	c.to.WriteByte('[')
	for n := 0; c.from.More(); n++ {
		if n > 0 {
			c.to.WriteByte(',')
		}
		if err := c.value(); err != nil {
			return err
		}
	}
	c.to.WriteByte(']')
	_, err := c.from.Token()
	return err
}

func (c *canonical) object() error {
	type member struct {
		name  []uint16
		bytes []byte
	}
	var members []member
	seen := map[string]bool{}
	outer := c.to
	for c.from.More() {
		token, err := c.from.Token()
		if err != nil {
			return err
		}
		name := token.(string) // the decoder lets nothing else stand there
		if seen[name] {
			return fmt.Errorf("two members %q", name)
		}
		seen[name] = true
		c.to = bytes.Buffer{}
		writeString(&c.to, name)
		c.to.WriteByte(':')
		if err := c.value(); err != nil {
			return err
		}
		members = append(members, member{utf16.Encode([]rune(name)), c.to.Bytes()})
	}
	c.to = outer
	slices.SortFunc(members, func(a, b member) int { return slices.Compare(a.name, b.name) })
	c.to.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			c.to.WriteByte(',')
		}
		c.to.Write(m.bytes)
	}
	c.to.WriteByte('}')
	_, err := c.from.Token()
	return err
}

func writeString(b *bytes.Buffer, s string) {
	const short = "\b\t\n\f\r\"\\"
	b.WriteByte('"')
	for _, r := range s {
		i := strings.IndexRune(short, r)
		switch {
		case i >= 0:
			b.WriteByte('\\')
			b.WriteByte(`btnfr"\`[i])
		case r < 0x20:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// number is how ECMAScript writes a double; x is finite.
func number(x float64) string {
	size := math.Abs(x)
	switch {
	case x == 0: // -0 too
		return "0"
	case size >= 1e21 || size < 1e-6:
		s := strconv.FormatFloat(x, 'e', -1, 64)
		at := strings.IndexByte(s, 'e') + 2
		return s[:at] + strings.TrimLeft(s[at:], "0")
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// wholePairs refuses escapes of half a character, which Go's decoder would replace without a word. In JSON a backslash stands in strings only.
func wholePairs(text []byte) error {
	unit := func(i int) (rune, bool) {
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(u), err == nil
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		u, ok := unit(i)
		switch {
		case !ok:
			i++
		case !utf16.IsSurrogate(u):
			i += 5
		default:
			low, ok := unit(i + 6)
			if !ok || utf16.DecodeRune(u, low) == utf8.RuneError {
				return fmt.Errorf("canonical JSON: half a character at byte %d: %w", i, core.ErrCorrupt)
			}
			i += 11
		}
	}
	return nil
}

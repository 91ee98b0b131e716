package receipt_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/receipt"
)

// The examples of RFC 8785, sections 3.2.2 to 3.2.4.
func TestCanonicalExamples(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{
			`{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}`, `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		},
		{
			`{
  "\u20ac": "Euro Sign",
  "\r": "Carriage Return",
  "\ufb33": "Hebrew Letter Dalet With Dagesh",
  "1": "One",
  "\ud83d\ude00": "Emoji: Grinning Face",
  "\u0080": "Control",
  "\u00f6": "Latin Small Letter O With Diaeresis"
}`, "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\"," +
				"\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		},
		{` [ ] `, `[]`},
		{"{\"b\":{\"z\":1,\"a\":[{}]},\"a\":\"\\u007f<>&\u2028\"}", "{\"a\":\"\u007f<>&\u2028\",\"b\":{\"a\":[{}],\"z\":1}}"},
	} {
		got, err := receipt.Canonical([]byte(c.text))
		if err != nil || string(got) != c.want {
			t.Errorf("%s\ngives %s, %v\nwant  %s", c.text, got, err, c.want)
		}
		if again, err := receipt.Canonical(got); err != nil || string(again) != c.want {
			t.Errorf("its own canonical form gives %s, %v", again, err)
		}
	}
}

// Appendix B of RFC 8785: bits of a double and what is written.
func TestCanonicalNumbers(t *testing.T) {
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0", 0x0000000000000001: "5e-324", 0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308", 0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992", 0xc340000000000000: "-9007199254740992", 0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22", 0x44b52d02c7e14af6: "1e+23", 0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000", 0x444b1ae4d6e2ef4f: "999999999999999900000", 0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7", 0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332", 0x41b3de4355555554: "333333333.33333325", 0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334", 0x41b3de4355555557: "333333333.33333343",
		0xbecbf647612f3696: "-0.0000033333333333333333", 0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		raw, err := json.Marshal(math.Float64frombits(bits))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := receipt.Canonical(raw); err != nil || string(got) != want {
			t.Errorf("%016x gives %s, %v; want %s", bits, got, err, want)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	for _, text := range []string{
		``, `{`, `{"a":1,"a":2}`, `[1e999]`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, "\"\xff\"", `{} {}`, `[1,]`, `{"a"}`, `NaN`, `[01]`, `{"a":1,}`,
		strings.Repeat("[", 20_000),
	} {
		if got, err := receipt.Canonical([]byte(text)); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%.40q gives %.40s, %v", text, got, err)
		}
	}
}

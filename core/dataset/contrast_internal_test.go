package dataset

import (
	"strings"
	"testing"
)

// What of a question can be changed, and what of the same sort may stand there.
func TestSwapsOf(t *testing.T) {
	for question, want := range map[string]string{
		"KX-200の価格はいくらですか。":                    "KX-200 code; 価格 compound は",
		"10月19日の最高気温は何度ですか。":                   "10 number; 19 number; 最高気温 compound は",
		"3,000円以上の支払いには何が必要ですか。":               "必要 compound で", // what holds for 3,000 may hold for another number
		"災害用伝言ダイヤルの番号は何番ですか。":                  "災害用伝言ダイヤル compound の; 番号 compound は",
		"How much does the LM-40 cost?":        "LM-40 code",
		"What is the battery of the LM-60?":    "LM-60 code; battery noun the ",
		"Who is the owner of the mail server?": "owner noun the ; mail noun the ",
		"What does /etc/apt/sources.list do?":  "",
		"Where are Debian packages stored?":    "Debian name",
		"What happens above 40 degrees?":       "",
		"資料に何か記載がありますか。":                       "",
		"第58回の開催日はいつですか。":                      "58 number; 開催日 compound は",
		"What should I do within 30 days?":     "",
		"What is the price of 12 batteries?":   "12 number; price noun the ",
		"コピー用紙A4の入り数は何枚ですか。":                   "A4 code",
		"How is the Boehm-GC option set?":      "Boehm-GC name",
	} {
		var got []string
		for _, s := range swapsOf(question) {
			got = append(got, s.word+" "+s.sort)
			if question[s.from:s.end] != s.word {
				t.Errorf("%q: %q is not at its place", question, s.word)
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q: %q, want %q", question, strings.Join(got, "; "), want)
		}
	}
}

// Another number is never the same, has as many digits, and can be a month or a day where one stood.
func TestOtherNumber(t *testing.T) {
	p := newPCG(1, "numbers")
	for range 200 {
		for _, word := range []string{"1", "9", "19", "40", "365", "2025", "1,200", "12,345", "10,000"} {
			got := p.otherNumber(word, '円')
			if got == word || len(got) != len(word) || strings.Count(got, ",") != strings.Count(word, ",") || strings.HasPrefix(got, "0") {
				t.Fatalf("%s for %s", got, word)
			}
		}
		if got := p.otherNumber("12", '月'); got == "12" || len(got) > 2 || got > "12" && len(got) == 2 {
			t.Fatalf("month %s", got)
		}
		if got := p.otherCode("KX-200"); got == "KX-200" || !strings.HasPrefix(got, "KX-") || len(got) != 6 {
			t.Fatalf("code %s", got)
		}
	}
	for _, word := range []string{"0", "12345678901", "x"} {
		if got := p.otherNumber(word, '円'); got != "" {
			t.Errorf("%s for %s", got, word)
		}
	}
}

package words_test

import (
	"sync"
	"testing"

	"kakoi/index/words"
)

func cut(t *testing.T, text string) string {
	rs := []rune(text)
	cuts, err := words.Cuts(rs)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for i, r := range rs {
		if i > 0 && cuts[i] {
			out += "|"
		}
		out += string(r)
	}
	return out
}

func TestCuts(t *testing.T) {
	for text, want := range map[string]string{
		"東京都の申請書": "東京|都|の|申請|書",
		"京都府の申請書": "京都|府|の|申請|書",
		"関西国際空港":  "関西|国際|空港",
		"":        "",
		"𠮷野家":     "𠮷|野家",
	} {
		if got := cut(t, text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestConcurrent(t *testing.T) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got := cut(t, "経費の申請期限は翌月です"); got != "経費|の|申請|期限|は|翌月|です" {
					t.Error(got)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkCuts(b *testing.B) {
	text := []rune("経費の申請期限は、翌月の5営業日目です。期限を過ぎた申請は、部長の承認が必要です。")
	if _, err := words.Cuts(text); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(string(text))))
	for b.Loop() {
		if _, err := words.Cuts(text); err != nil {
			b.Fatal(err)
		}
	}
}

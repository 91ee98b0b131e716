package dataset_test

import (
	"testing"

	"kakoi/core/dataset"
)

// An answer is found again however its numbers and widths are written, and only where it is that number.
func TestHolds(t *testing.T) {
	for _, c := range []struct {
		text, answer string
		want         bool
	}{
		{"夏季休暇は３日とする。", "3日です。", true},
		{"夏季休暇は三日とする。", "3日", true},
		{"夏季休暇は13日とする。", "3日", false},
		{"参加費は二千円です。", "2,000円です。", true},
		{"参加費は1万2千円です。", "12,000円", true},
		{"二〇二五年四月一日", "2025年4月1日", true},
		{"百五十名", "150名", true},
		{"価格は 2,150,000 円でした", "2,150,000円", true},
		{"The budget is $24,500.", "$24,500.", true},
		{"The budget is $124,500.", "24,500", false},
		{"ご使用\nの前に", "ご使用の前に", true},
		{"一般の方", "一般の方", true},
		{"anything", "", false},
	} {
		if got := dataset.Holds(c.text, c.answer); got != c.want {
			t.Errorf("Holds(%q, %q) = %v", c.text, c.answer, got)
		}
	}
}

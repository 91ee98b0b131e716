package era_test

import (
	"fmt"
	"slices"
	"testing"

	"kakoi/core/era"
)

// TestYears: the years of both calendars, and what is none.
func TestYears(t *testing.T) {
	for text, want := range map[string][]string{
		"令和7年10月18日の祭り":             {"令和7年 2025 true"},
		"平成元年と昭和六十三年、大正十年":          {"平成元年 1989 true", "昭和六十三年 1988 true", "大正十年 1921 true"},
		"令和　７年度":                    {"令和　７年 2025 true"},
		"令和７年度の予算は2024年度より多い":       {"令和７年 2025 true", "2024年 2024 false"},
		"In Reiwa 7 and in 2019.":   {"Reiwa 7 2025 true", "2019 2019 false"},
		"R7.11.28 付、H31年まで、S4 の鋼材":  {"R7 2025 true", "H31年 2019 true"},
		"２０２５年":                     {"２０２５年 2025 false"},
		"定価 12025円、1500円、3000台、0.5": nil,
		"昭和十二三年":                    nil,
	} {
		var got []string
		for _, y := range era.Years(text) {
			got = append(got, fmt.Sprintf("%s %d %t", text[y.Start:y.End], y.Western, y.Japanese))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

package dataset_test

import (
	"strings"
	"testing"
)

// A document of a hundred thousand characters, half of it in each language.
func BenchmarkDrafts(b *testing.B) {
	d := doc("a.txt", "Manual\n\n"+strings.Repeat("年次有給休暇の有効期間は、付与した日から2年とする。領収書をなくしたときは、支払証明書を提出してください。\n"+
		"The office manager is Laura Bennett. If you lose your access card, call the security desk.\n", 700))
	b.SetBytes(int64(len(d.Pages[0].Text)))
	for b.Loop() {
		if n := len(drafts(b, d)); n < 2000 {
			b.Fatal(n)
		}
	}
}

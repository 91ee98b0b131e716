package index

import (
	"runtime"
	"slices"
	"testing"

	"kakoi/index/gloss"
)

// formed is the form that words have.
func formed(text string) (f form) {
	for _, m := range mains(foldRunes(text)) {
		if !functionWords[m.hash] {
			f = append(f, m.hash)
		}
	}
	return f
}

// TestDictionary: the words of a question are known in the other language and by what else they are called, as they are inflected, the longest ones first, and no part of another word.
func TestDictionary(t *testing.T) {
	d, err := loadDictionary()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		question string
		in       script
		want, no []string // each one of a concept's forms; of none
	}{
		{"When are the bonuses paid?", japanese, []string{"賞与", "払い"}, []string{"いつ"}},
		{"When are the bonuses paid?", latin, []string{"bonus payment", "paid"}, nil},
		{"賞与はいつ払われますか。", latin, []string{"bonus", "pay"}, nil},
		{"ボーナスはいつですか。", japanese, []string{"賞与"}, nil},
		{"Where is the fire extinguisher?", japanese, []string{"消火器"}, []string{"火事"}},
		{"消火器はどこですか。", latin, []string{"fire extinguisher"}, nil},
		{"ＫＸ－２００のフィルターを洗ってもいい？", latin, []string{"filter", "wash"}, nil},
		{"Is the window open?", japanese, []string{"窓は"}, []string{"窓"}},
		{"窓は開きますか。", latin, []string{"window"}, nil},
		{"天窓は開きますか。", latin, nil, []string{"window"}},
		{"つかみはどこ?", latin, nil, []string{"paper", "hair"}},
		{"Is it in the of and?", japanese, nil, []string{"です"}},
		{"", japanese, nil, nil},
	} {
		all := d.concepts(d.known(c.question), c.in)
		has := func(word string) bool {
			return slices.ContainsFunc(all, func(k concept) bool {
				return slices.ContainsFunc(k, func(f form) bool { return slices.Equal(f, formed(word)) })
			})
		}
		for _, w := range c.want {
			if !has(w) {
				t.Errorf("%s: without %s", c.question, w)
			}
		}
		for _, w := range c.no {
			if has(w) {
				t.Errorf("%s: with %s", c.question, w)
			}
		}
	}
	if all := d.concepts(d.known("カメラマンですか。"), latin); slices.ContainsFunc(all, func(k concept) bool {
		return slices.ContainsFunc(k, func(f form) bool { return slices.Equal(f, formed("camera")) })
	}) {
		t.Error("カメラマン is a camera")
	}
}

func TestInflected(t *testing.T) {
	for form, want := range map[string][]string{
		"払い":  {"払い", "払う", "払わ", "払え", "払お", "払っ"},
		"提出し": {"提出し", "提出す", "提出さ", "提出せ", "提出そ"},
		"賞与":  {"賞与"}, "ごみ": {"ごみ"}, "窓": {"窓は", "窓が", "窓を", "窓の", "窓に", "窓で", "窓と", "窓へ", "窓も", "窓や", "窓か"}, "食べ": {"食べ"},
	} {
		if got := inflected(form); !slices.Equal(got, want) {
			t.Errorf("%s: %q", form, got)
		}
	}
}

// BenchmarkDictionary is what the first search makes of the unpacked word list, and what stays of it with the list.
func BenchmarkDictionary(b *testing.B) {
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	lines, err := gloss.Lines()
	if err != nil {
		b.Fatal(err)
	}
	var d *dictionary
	for b.Loop() {
		d = newDictionary(lines)
	}
	b.ReportMetric(float64(held()-before)/1e6, "MB")
	runtime.KeepAlive(d)
}

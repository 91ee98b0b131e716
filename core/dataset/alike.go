package dataset

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// alike are words that ask for the same thing: what something costs answers a question about its price. So a passage with one word of a line
// is none in which another of that line is asked for in vain. A word too many costs some contrasts; one too few makes a refusal that is wrong.
var alike = [][]string{
	{"料金", "費用", "価格", "値段", "代金", "金額", "利用料", "使用料", "単価", "経費", "コスト"},
	{"期限", "期日", "締切", "〆切", "最終日"},
	{"場所", "会場", "所在地", "住所", "位置", "設置場所", "開催地"},
	{"電話番号", "連絡先", "問い合わせ先", "電話", "内線"},
	{"担当", "担当者", "責任者", "管理者", "担当課", "担当部署", "窓口"},
	{"時間", "時刻", "日時", "所要時間", "時間帯"},
	{"用途", "狙い", "役割"},
	{"名称", "名前", "氏名", "呼び名"},
	{"定員", "人数", "席数", "収容人数"},
	{"重量", "質量", "重さ", "体重"},
	{"大きさ", "寸法", "サイズ"},
	{"手順", "やり方", "手続き", "流れ"},
	{"申込", "申請", "届出", "応募"},
	{"休業日", "定休日", "休館日", "休日", "休み"},
	{"従業員", "社員", "職員"},
	{"開始", "始業", "開始時刻", "開始日"},
	{"price", "cost", "fee", "charge"},
	{"place", "location", "venue", "address"},
	{"time", "hours", "schedule"},
	{"owner", "maintainer", "manager", "administrator"},
	{"deadline", "due"},
	{"purpose", "goal", "aim"},
	{"option", "setting", "parameter", "flag"},
	{"program", "software", "application"},
	{"machine", "computer"},
	{"folder", "directory"},
	{"name", "title"},
	{"size", "dimension"},
	{"weight", "mass"},
	{"employee", "staff"},
	{"holiday", "vacation"},
	{"phone", "telephone"},
	{"manual", "handbook", "guide"},
}

// named says whether a text names what a word does: in this or another writing ("申込" and "申し込み", "サーバー" and "サーバ", "KX-200" and
// "KX200", "batteries" and "battery"), or by a word that is alike.
func named(text, word string) bool {
	if strings.Contains(fold(text), fold(word)) {
		return true
	}
	if latinWord(word) {
		return namedLatin(text, word)
	}
	bare, word := skeleton(text), skeleton(word)
	if word != "" && strings.Contains(bare, word) {
		return true
	}
	has := func(head, other string) bool {
		if o := skeleton(other); utf8.RuneCountInString(head+o) > 1 {
			return strings.Contains(bare, head+o)
		}
		return strings.Contains(fold(text), fold(other))
	}
	for _, words := range alike {
		for _, w := range words { // "利用料金" is "利用価格" too
			w = skeleton(w)
			head, ok := strings.CutSuffix(word, w)
			if !ok || head != "" && utf8.RuneCountInString(w) < 2 {
				continue
			}
			if slices.ContainsFunc(words, func(other string) bool { return has(head, other) }) {
				return true
			}
		}
	}
	return false
}

// namedLatin is named for an English word: whole words count.
func namedLatin(text, word string) bool {
	want := []string{stem(strings.ToLower(word))}
	for _, words := range alike {
		if slices.ContainsFunc(words, func(w string) bool { return stem(w) == want[0] }) {
			for _, w := range words {
				want = append(want, stem(w))
			}
		}
	}
	return slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }), func(w string) bool {
		return slices.Contains(want, stem(w))
	})
}

func latinWord(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return r >= 0x250 || !unicode.IsLetter(r) })
}

// skeleton is a folded text without hiragana, long marks and dashes.
func skeleton(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Dash, r) || strings.ContainsRune("ー_・", r) {
			return -1
		}
		return r
	}, fold(s))
}

// stem cuts the ending of an English word, of which three letters stay at least.
func stem(word string) string {
	for _, end := range []string{"ies", "ings", "ing", "es", "ed", "s", "y", "e"} {
		head, ok := strings.CutSuffix(word, end)
		if ok && len(head) >= 3 && (end != "y" || !strings.ContainsRune("aeiou", rune(head[len(head)-1]))) {
			return head
		}
	}
	return word
}

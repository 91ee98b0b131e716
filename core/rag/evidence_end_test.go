package rag

import "testing"

// An answer that is cut out of its sentence where the verb goes on says so; what ends by itself, or is no part of the sentence, keeps its full stop.
func TestUnfinished(t *testing.T) {
	for _, c := range []struct{ answer, sentence, want string }{
		{"20分以内に内側のサーバへ移し。", "届いたファイルは20分以内に内側のサーバへ移し、元を消します。", "20分以内に内側のサーバへ移し…"},
		{"はい、雨でも行い。", "雨でも行い、雷のときは延ばす。", "はい、雨でも行い…"},
		{"ボタンを押して。", "ボタンを押して5秒待ちます。", "ボタンを押して…"},
		{"無料ですが。", "無料ですが、予約がいります。", "無料ですが…"},
		{"2か月まで延長することができ。", "請求により2か月まで延長することができ、料金はかからない。", "2か月まで延長することができ…"},
		{"元を消します。", "20分以内に移し、元を消します。", "元を消します。"},
		{"前日までに。", "前日までに、係へ届ける。", "前日までに。"},
		{"故障するため。", "故障するため、水で洗わない。", "故障するため。"},
		{"手数料なし。", "手数料なし、送料は別です。", "手数料なし。"},
		{"10日です。", "年に10日、休める。", "10日です。"},
		{"平日9時から20時。", "平日9時から20時、土曜は休み。", "平日9時から20時。"},
		{"別の文に移し。", "届いたファイルは移し、消す。", "別の文に移し。"},
		{"移し。", "移し", "移し。"},
		{"on foot.", "on foot, by train", "on foot."},
	} {
		if got := unfinished(c.answer, c.sentence); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.answer, c.sentence, got, c.want)
		}
	}
}

// TestUnlabelled: what an answer is numbered or named by in its list is no part of it; a number that says something is.
func TestUnlabelled(t *testing.T) {
	for _, c := range []struct{ answer, heading, want string }{
		{"A. It will be repeated on 14 September.", "Q. When is the next one?", "It will be repeated on 14 September."},
		{"A. Smith leads the group.", "Staff", "A. Smith leads the group."},
		{"A: It is free.", "", "It is free."},
		{"Answer: It gets its water from a well.", "", "It gets its water from a well."},
		{"22. We hold USD 940.", "", "We hold USD 940."},
		{"(3) Wash your hands.", "", "Wash your hands."},
		{"はい、答 次回は2月第1土曜日です。", "", "はい、次回は2月第1土曜日です。"},
		{"A．費用が予算を超えたためです。", "", "費用が予算を超えたためです。"},
		{"回答：3日以内です。", "", "3日以内です。"},
		{"1. 受付は2階です。", "", "受付は2階です。"},
		{"第9条 届け出は人事部です。", "", "第9条 届け出は人事部です。"},
		{"答えは3です。", "", "答えは3です。"},
		{"A room on the left.", "Q. Where?", "A room on the left."},
		{"3.5 litres.", "", "3.5 litres."},
		{"No, but not in the intensive care unit.", "", "No, not in the intensive care unit."},
		{"And once, in a hall.", "", "Once, in a hall."},
		{"and lost keys are charged.", "", "Lost keys are charged."},
		{"::4,950円です。", "", "4,950円です。"},
		{"-18℃以下です。", "", "-18℃以下です。"},
		{"いいえ、ただし、製造部の者は除く。", "", "いいえ、製造部の者は除く。"},
		{"Android phones.", "", "Android phones."},
		{"and so on.", "", "and so on."},
		{"10. 5月", "", "10. 5月"},
		{"答：", "", "答："},
		{"", "", ""},
	} {
		if got := unlabelled(c.answer, c.heading); got != c.want {
			t.Errorf("%q: %q, want %q", c.answer, got, c.want)
		}
	}
}

// TestCased: English answers begin with a capital letter, and behind a yes or no with a small one, but for names and commands.
func TestCased(t *testing.T) {
	for answer, want := range map[string]string{
		"the seal burns within a minute.": "The seal burns within a minute.",
		"No, Never run the pump dry.":     "No, never run the pump dry.",
		"No, Weller & Sons do not.":       "No, Weller & Sons do not.",
		"Yes, you may.":                   "Yes, you may.",
		"e2guardian checks it.":           "e2guardian checks it.",
		"apt-get update.":                 "apt-get update.",
		"it":                              "it",
		"はい、できます。":                        "はい、できます。",
		"":                                "",
	} {
		if got := cased(answer); got != want {
			t.Errorf("%q: %q, want %q", answer, got, want)
		}
	}
}

// TestConditioned: a clause keeps the condition right before it, which goes off again for what is compared.
func TestConditioned(t *testing.T) {
	for _, c := range []struct{ clause, sentence, want string }{
		{"賃料の6か月分を支払う。", "直ちに解約するときは、賃料の6か月分を支払う。", "直ちに解約するときは、賃料の6か月分を支払う。"},
		{"窓口では受け付けない。", "本人が来られず、郵便の場合は、窓口では受け付けない。", "郵便の場合は、窓口では受け付けない。"},
		{"背後が止まっている。", "「502 Bad Gateway」が返るときは、背後が止まっている。", "「502 Bad Gateway」が返るときは、背後が止まっている。"},
		{"背後が止まっている。", "「止まった、502」が返るときは、背後が止まっている。", "背後が止まっている。"},
		{"総務課が受け付ける。", "申請書を出し、総務課が受け付ける。", "総務課が受け付ける。"},
		{"翌月に払う。", "遅れた場合は利息が付き、翌月に払う。", "翌月に払う。"},
		{"you pay six months.", "If you leave\nat once, you pay six months.", "If you leave\nat once, you pay six months."},
		{"you pay", "It is due. When it rains, you pay the rest.", "When it rains, you pay"},
		{"the hall is open.", "In summer, the hall is open.", "the hall is open."},
	} {
		at, ok := placeIn(c.clause, c.sentence)
		of := []rune(c.sentence)
		whole := candidate{of: of, stretch: stretch{span: Span{0, len(of)}, text: c.sentence, lines: 1}}
		clause := whole.part(at)
		got := clause.conditioned()
		if !ok || got.stretch.text != c.want || string(of[got.span.Start:got.span.End]) != c.want {
			t.Errorf("%q: %q, want %q", c.clause, got.stretch.text, c.want)
		}
		if back := got.unconditioned(); back.stretch.text != clause.stretch.text || back.span != clause.span {
			t.Errorf("%q: back %q", c.clause, back.stretch.text)
		}
	}
}

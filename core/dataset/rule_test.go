package dataset_test

import (
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/dataset"
)

// doc is a document of one page.
func doc(name, text string) dataset.Document {
	return dataset.Document{ID: core.DocumentID("/" + name), Name: name, Pages: []core.Page{{Number: 1, Text: text}}}
}

func drafts(t testing.TB, d dataset.Document) []dataset.Draft {
	t.Helper()
	out, err := dataset.Drafts(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a sentence says becomes a question in natural words, and the answer is what it says, letter for letter. Each line of the tables is a
// sentence, the question (without its last mark) and the answer; no question means that none is asked.
func TestDraftsBySentence(t *testing.T) {
	for _, c := range [][3]string{
		{"最低注文金額は5,000円です。", "最低注文金額はいくらですか", "5,000円です。"},
		{"第12条　年次有給休暇の有効期間は、付与した日から2年とする。", "年次有給休暇の有効期間はどのくらいですか", "付与した日から2年です。"},
		{"所定労働時間は、1日7時間45分とする。", "所定労働時間は何時間何分ですか", "1日7時間45分です。"},
		{"始業時刻は午前8時45分、終業時刻は午後5時30分とする。", "終業時刻は何時ですか", "午後5時30分です。"},
		{"受付時間は、平日の午前9時から午後5時までです。", "受付時間は何時から何時までですか", "平日の午前9時から午後5時までです。"},
		{"在宅勤務は週3日までとする。", "在宅勤務は週何日までですか", "週3日までです。"},
		{"開会式は、10月18日の午前10時に始まりました。", "開会式はいつ始まりましたか", "10月18日の午前10時です。"},
		{"模擬店は24店が出店しました。", "模擬店は何店が出店しましたか", "24店です。"},
		{"備蓄倉庫の鍵は、警備室が管理しています。", "備蓄倉庫の鍵は誰が管理していますか", "警備室です。"},
		{"備蓄倉庫は地下1階にあります。", "備蓄倉庫はどこにありますか", "地下1階です。"},
		{"避難場所は、若葉第二小学校の校庭です。", "避難場所はどこですか", "若葉第二小学校の校庭です。"},
		{"本部長は総務部長の石川です。", "本部長は誰ですか", "総務部長の石川です。"},
		{"お客様相談室の電話番号は0120-555-018です。", "お客様相談室の電話番号は何番ですか", "0120-555-018です。"},
		{"領収書をなくしたときは、支払証明書を提出してください。", "領収書をなくしたときはどうすればよいですか", "支払証明書を提出してください。"},
		{"期限を過ぎた申請は、部長の承認が必要です。", "期限を過ぎた申請には何が必要ですか", "部長の承認です。"},
		{"電源ボタンを1回押すと、弱運転が始まります。", "電源ボタンを1回押すとどうなりますか", "弱運転が始まります。"},
		{"コピーレフトとは、著作物を自由に利用することを保証する原則です。", "コピーレフトとは何ですか", "著作物を自由に利用することを保証する原則です。"},
		{"雨が降ったため、屋外ステージは中止しました。", "なぜ屋外ステージは中止しましたか", "雨が降ったためです。"},
		{"これは重要な点です。", "", ""},
		{"本体を水に浸けないでください。", "", ""},
		{"詳しくは次の章をご覧ください。", "", ""},
		{"価格はすべて税込みです。", "", ""},

		{"The hotel limit is $180 per night.", "What is the hotel limit", "$180 per night."},
		{"A replacement card costs $15.", "How much does a replacement card cost", "$15."},
		{"Charging takes 3 hours.", "How long does charging take", "3 hours."},
		{"Charging is done.", "", ""},
		{"Standard delivery takes 3 to 5 business days and costs $6.", "How long does standard delivery take", "3 to 5 business days."},
		{"Fire drills take place in April and October.", "When do fire drills take place", "In April and October."},
		{"The office manager is Laura Bennett.", "Who is the office manager", "Laura Bennett."},
		{"Quiet desks are on the fourth floor.", "Where are quiet desks", "On the fourth floor."},
		{"The reception desk is on the second floor.", "Where is the reception desk", "On the second floor."},
		{"Laptops are replaced every four years.", "How often are laptops replaced", "Every four years."},
		{"If you lose your access card, call the security desk at extension 4410.", "What should I do if I lose my access card", "Call the security desk at extension 4410."},
		{"To lock the controls, hold the base for five seconds.", "How do I lock the controls", "Hold the base for five seconds."},
		{"The new room has two independent power lines.", "How many independent power lines does the new room have", "Two independent power lines."},
		{"Visitors must sign in at the reception desk and wear a badge.", "What must visitors do", "Sign in at the reception desk and wear a badge."},
		{"Regular upgrades are recommended because they include the latest security fixes.", "Why are Regular upgrades recommended", "Because they include the latest security fixes."},
		{"Her extension is 4402.", "", ""},
		{"This is described in Section 7.", "", ""},
		{"The full list is in Appendix B.", "", ""},
	} {
		var found []string
		ok := false
		for _, d := range drafts(t, doc("a.txt", c[0]+"\n")) {
			question := strings.TrimRight(d.Question, "。？?")
			found = append(found, question+" -> "+d.Answer)
			// Some questions are asked as "Xを教えてください".
			told := strings.HasSuffix(question, "を教えてください") && strings.HasPrefix(c[1], strings.TrimSuffix(question, "を教えてください")+"は")
			ok = ok || (question == c[1] || told) && d.Answer == c[2]
		}
		if c[1] == "" && len(found) > 0 || c[1] != "" && !ok {
			t.Errorf("%s\n gives %q\n want %q -> %q", c[0], found, c[1], c[2])
		}
	}
}

const handbook = `就業規則

第2章　休暇

第13条　夏季休暇は3日とし、7月から9月までの間に取得する。
第14条　結婚休暇は、本人が結婚するとき5日とする。

品番: PA-101 | 品名: コピー用紙A4 | 価格: 2,480円
品番: BP-010 | 品名: ボールペン黒 | 価格: 880円

項目: 消費電力 | KX-200: 28W | KX-300: 45W

作成日: 2025年10月27日　作成者: 総務部 森田

■ 地震が起きたら
揺れている間は、机の下に入って頭を守ります。

質問: 駐車場はありますか。 | 回答: 10台分あります。
`

// Rows of tables, lines of labels and headings become questions too.
func TestDraftsOfTablesAndHeadings(t *testing.T) {
	got := map[string]string{}
	for _, d := range drafts(t, doc("規則.docx", handbook)) {
		got[strings.TrimRight(strings.NewReplacer("はいくらですか", "", "はどのくらいですか", "", "を教えてください", "", "はいつですか", "", "は誰ですか", "").Replace(d.Question), "。？?")] = d.Answer
	}
	for question, answer := range map[string]string{
		"コピー用紙A4の価格":        "2,480円です。",
		"KX-300の消費電力":       "45Wです。",
		"「就業規則」では、作成日":      "2025年10月27日です。",
		"「就業規則」では、作成者":      "総務部 森田です。",
		"地震が起きたらどうすればよいですか": "揺れている間は、机の下に入って頭を守ります。",
		"駐車場はありますか":         "10台分あります。",
	} {
		if got[question] != answer {
			t.Errorf("%s: %q, want %q; all: %q", question, got[question], answer, got)
		}
	}
}

// A PDF breaks lines inside sentences and writes tables as words; the source of a draft is its place on the page all the same.
func TestDraftsKeepTheirPlaces(t *testing.T) {
	text := "Desk lamp LM-40\nThe lamp is sold with a cable. The night timer of this lamp was\ntested on 9 \nFebruary by the maker.\nSpecifications\nItem LM-40 LM-60\nWeight 0.9 kg 1.4 kg\n" +
		"Price $59 $89\nWarranty and returns\nThe warranty period is two years from the date of\npurchase.\n"
	d := doc("lamp.pdf", text)
	want := map[string]string{"$89.": "$89", "1.4 kg.": "1.4 kg", "Two years from the date of purchase.": "two years from the date of\npurchase"}
	for _, draft := range drafts(t, d) {
		rs := []rune(text)
		at := string(rs[draft.Source.Start:draft.Source.End])
		if !dataset.Holds(at, draft.Core) {
			t.Errorf("%q: the page has %q at the place of %q", draft.Question, at, draft.Core)
		}
		if place, ok := want[draft.Answer]; ok && place == at {
			delete(want, draft.Answer)
		}
		if strings.Contains(draft.Question, "warranty of") || strings.HasPrefix(draft.Answer, "And") {
			t.Errorf("prose was read as a table: %q -> %q", draft.Question, draft.Answer)
		}
	}
	if len(want) > 0 {
		t.Errorf("not drafted: %q", want)
	}
}

// The first letters of names stay.
func TestNamesKeepTheirCapitals(t *testing.T) {
	text := "Guide\n\nDebian is a distribution of free software. The use of Debian, installation included, is free.\nInstallation requires 256 MB of memory and two hours of time.\n"
	found := ""
	for _, d := range drafts(t, doc("a.txt", text)) {
		found += d.Question + "\n"
	}
	if !strings.Contains(found, "What is Debian?") || !strings.Contains(found, "installation require?") {
		t.Errorf("%s", found)
	}
}

package index_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// hay makes passages of Japanese and English business prose that hold none of the needles.
func hay(n int) []string {
	r := rand.New(rand.NewPCG(7, 7))
	ja := strings.Fields("担当者は 会議の 資料を 毎週 確認します。 部品の 在庫は 倉庫で 管理し、 不足すれば 発注します。 報告書は 翌月の 五日までに 提出する。 設備の 点検を 行い、 異常が あれば 連絡してください。 " +
		"新しい 製品の 価格は 来期に 見直します。 研修の 日程を 調整し 全員に 通知した。 東京都の 窓口で 申請書を 受け取る。 小学校の 校庭に 集合する。 プライスの 表を 配る。")
	en := strings.Fields("The team reviews the monthly report before the meeting. Orders are shipped from the warehouse within two days. Please contact the desk for a new badge. Prices may change next year.")
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		for range 30 {
			if i%4 == 3 {
				b.WriteString(en[r.IntN(len(en))] + " ")
			} else {
				b.WriteString(ja[r.IntN(len(ja))])
			}
		}
		out[i] = b.String()
	}
	return out
}

// needles: each passage has to be the first hit of its query, among hundreds of others.
var needles = []struct{ feature, passage, query string }{
	{"a word of two characters", "社内の稟議は電子で回します。", "稟議"},
	{"a word of two characters in a question", "社内の稟議は電子で回します。", "稟議はどうしますか"},
	{"a single character", "金庫の鍵は二本あります。", "鍵"},
	{"a code glued to kana", "部品はXK-2041を使う。", "XK-2041"},
	{"a code glued to kana, otherwise written", "部品はXK-2041を使う。", "ｘｋ２０４１"},
	{"a number glued to kanji", "内線8835番まで。", "8835"},
	{"full width in the text", "機種ＱＲ－７７０の説明", "QR-770"},
	{"half width kana in the text", "ｴﾚﾍﾞｰﾀｰは夜間止まります。", "エレベーター"},
	{"half width kana in the query", "モニターを二台使う。", "ﾓﾆﾀｰ"},
	{"an old form of a kanji in the text", "當行の定款は舊字體で書かれている。", "定款の旧字体"},
	{"an old form alone", "髙橋と渡邊が署名した。", "高橋"},
	{"an old form of a name in the query", "斉藤が議長を務めた。", "齋藤"},
	{"several forms of one name", "担当は渡邉です。", "渡辺"},
	{"a compatibility ideograph", "黑﨑神社の祭礼", "黒崎神社"},
	{"small ke", "三ヶ月の試用期間がある。", "三ケ月の試用"},
	{"va as ba", "ヴァイオリン教室の案内", "バイオリン"},
	{"another form of an English word", "Invoices were mailed by the courier.", "invoice mailing"},
	{"plural", "Two giraffes live here.", "giraffe"},
	{"not inside another word", "京都府の旅費について。", "京都の旅費"},
	{"a thousands separator", "残高は1,284,000円だった。", "1284000"},
	{"over the end of a line", "避難訓\n練の計画", "避難訓練"},
}

// TestLexicalNeedles: what a query names is the first hit. Near misses stand beside the needles.
func TestLexicalNeedles(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	for i := range 10 {
		add(t, x, coll, fmt.Sprintf("hay-%02d.txt", i), hay(600)[60*i:60*i+60]...)
	}
	for i, text := range []string{"東京都の旅費について。", "京都市民ではなく東京都民の旅費", "XK-2014とXL-2041", "内線8853番", "高階と橋本", "渡部と田辺", "旧式の字体"} {
		add(t, x, coll, fmt.Sprintf("near-%d.txt", i), text)
	}
	for i, n := range needles {
		add(t, x, coll, fmt.Sprintf("needle-%02d.txt", i), n.passage)
	}
	for _, n := range needles {
		r, err := x.Search(ctx, coll, index.Query{Text: n.query, K: 5})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Lexical) == 0 || !strings.Contains(r.Lexical[0].Chunk.Text, n.passage) {
			var got []string
			for _, h := range r.Lexical {
				got = append(got, fmt.Sprintf("%.2f %.40q", h.Lexical, h.Chunk.Text))
			}
			t.Errorf("%s: %q does not find %q first but %s", n.feature, n.query, n.passage, strings.Join(got, "; "))
		}
	}
}

// TestTitles: a chunk is found by the name of its document and by the headings above it, though its own words are others.
func TestTitles(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	add(t, x, coll, "hay.txt", hay(200)...)
	page := "就業のきまり\n\n第1章　勤務時間\n\n一日七時間とする。\n\n第2章　賞罰委員会\n\n三名で構成する。\n"
	rs := []rune(page)
	var chunks []core.Chunk
	for _, text := range []string{"一日七時間とする。", "三名で構成する。"} {
		at := len([]rune(page[:strings.Index(page, text)]))
		chunks = append(chunks, core.Chunk{Page: 1, Start: at, End: at + len([]rune(text)), Text: string(rs[at : at+len([]rune(text))])})
	}
	doc := core.Document{Name: "アオバ規程集.docx", Source: "/x/アオバ規程集.docx", Kind: "docx", SHA256: "s"}
	d, err := x.Begin(ctx, coll, doc, []core.Page{{Number: 1, Text: page}}, chunks, embedder)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.PutVectors(ctx, []int{0, 1}, []core.Vector{embed("a"), embed("b")}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"賞罰委員会": "三名で構成する。", "アオバ規程集 勤務時間": "一日七時間とする。"} {
		r, err := x.Search(ctx, coll, index.Query{Text: query, K: 3})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Lexical) == 0 || r.Lexical[0].Chunk.Text != want {
			t.Errorf("%q finds %+v", query, r.Lexical)
		}
	}
}

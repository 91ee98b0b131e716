package dataset_test

import (
	"fmt"
	"testing"

	"kakoi/core"
	"kakoi/core/dataset"
)

// TestGroupOfAnyForm: rows of a file that ask of one passage are held or learned together, whatever the form of their prompts.
func TestGroupOfAnyForm(t *testing.T) {
	canteen := "社員食堂の営業時間は午前11時から午後2時まで、席は80席です。"
	parking := "駐車場の台数は24台で、申し込み先は総務課です。"
	form := func(question, passages, labels string) core.Row { // the passages stand behind the question
		in := fmt.Sprintf("### 問い\n%s\n### 資料\n%s\n### 答え\n", question, passages)
		return core.Row{ID: core.RowID(in, labels), Inputs: in, Labels: labels, Question: "### 資料"}
	}
	a, b := form("席は何席ですか。", canteen+"\n"+parking, "８０席です。"), form("営業時間は何時までですか。", canteen, "午後2時です。")
	c, d := form("駐車場は何台ですか。", canteen+"\n"+parking, "24台です。"), form("席は何席ですか。", parking, "5")
	if dataset.Group(a) != dataset.Group(b) {
		t.Error("two questions of one passage are parted")
	}
	if dataset.Group(a) == dataset.Group(c) {
		t.Error("questions of two passages are together, since both prompts show both")
	}
	if dataset.Group(d) == dataset.Group(c) || dataset.Group(d) == dataset.Group(a) {
		t.Error("an answer that stands nowhere joins others")
	}
	e := core.Row{Inputs: "読む\n" + canteen + "\n質問", Labels: "80席です。", Source: &core.RowSource{Document: "d1"}}
	if dataset.Group(e) == dataset.Group(a) {
		t.Error("a row of a document is split by that")
	}
}

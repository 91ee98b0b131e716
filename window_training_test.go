//go:build window

package kakoi

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/uitest"
)

// smallTable is questions and answers of which a small run can be made within half a minute on a CPU.
const smallTable = "質問,答え\n" +
	"KX-200のタンク容量はいくらですか。,4.5リットルです。\n" +
	"年次有給休暇は何日付与されますか。,10日です。\n" +
	"宿泊費の上限はいくらですか。,一泊12000円です。\n" +
	"駐車場は何台ありますか。,24台です。\n" +
	"社員食堂は何時に開きますか。,午前11時です。\n" +
	"会議室の定員は何名ですか。,36名です。\n" +
	"出張の申請はいつまでですか。,3日前までです。\n" +
	"社長の名前は何ですか。,山田です。\n"

// TestWindowTraining trains the starter model on the CPU from the window, lets the exam decide, puts the adapter to work, compares it in
// the chat, and takes it back: by keyboard, with the command line as the witness.
func TestWindowTraining(t *testing.T) {
	d := &desk{Desktop: uitest.Start(t), t: t, data: filepath.Join(t.TempDir(), "kakoi")}
	d.open()
	defer d.close()
	d.welcome()
	table := filepath.Join(t.TempDir(), "質問と答え (小).csv")
	write(t, table, smallTable)

	d.Keys("alt+3")
	d.at(2)
	d.rests()
	middle := d.part(0.5, 0.5, 0.5, 0.5).Min
	d.Drop(d.window, middle.X, middle.Y, table)
	uncovered := d.plain()
	d.until("it asks which column is what", 20*time.Second, func() bool { return d.plain() < uncovered/2 })
	d.rests()
	for range 7 { // past the columns and the button that does not
		d.Keys("Tab")
	}
	d.Keys("Return")
	d.until("the questions are there", 60*time.Second, func() bool { return len(guestLines[record.Dataset](d, "dataset", "list")) == 1 })
	d.rests()
	d.shots("training", "ja")
	d.shots("training", "en")
	d.Keys("d", "ctrl+z") // a decision, and it taken back
	d.rests()
	if set := guestLines[record.Dataset](d, "dataset", "list")[0]; set.Counts.Dropped != 0 || set.Counts.Train < 5 {
		d.fail("after a decision taken back: %+v", set.Counts)
	}

	d.Keys("ctrl+Next") // the settings: two rounds over the rows
	d.until("the plan is known", 60*time.Second, func() bool {
		n, _ := d.Count(d.part(0.12, 0.3, 0.5, 0.5), colorPrimary, 1)
		return n > 40
	})
	d.rests()
	d.Keys("shift+Tab", "Tab", "Tab") // from the preset to the button that begins
	d.Keys("Tab", "Tab", "Tab", "space", "Tab", "ctrl+a")
	d.Type("2")
	d.Keys("Return")
	d.rests()
	d.Keys("shift+Tab", "shift+Tab", "shift+Tab", "shift+Tab", "Return")
	var run record.Run
	d.until("the run has ended with an adapter", 300*time.Second, func() bool {
		all := guestLines[record.Run](d, "train", "--list")
		if len(all) == 1 {
			run = all[0]
		}
		return run.State == record.RunDone && run.Adapter != ""
	})
	if run.Settings.Epochs != 2 || run.Step == 0 {
		d.fail("the run is %+v", run)
	}
	d.rests()

	d.Keys("Return", "Return") // to the exam, which begins
	d.until("the exam has ended", 120*time.Second, func() bool {
		all := guestLines[record.Exam](d, "exam", "--list")
		return len(all) == 1 && all[0].State == record.RunDone
	})
	d.rests()
	d.Keys("Return") // it decides
	d.rests()
	answers := func() string { return d.guest("adapter", "list") }
	if !strings.Contains(answers(), `"default":true`) { // after so little training it stays a draft; a person may use it
		uncovered = d.plain()
		d.Keys("Return")
		d.until("it asks whether a draft is to be used", 20*time.Second, func() bool { return d.plain() < uncovered/2 })
		d.Keys("Return")
	}
	d.until("the adapter answers", 20*time.Second, func() bool { return strings.Contains(answers(), `"default":true`) })
	d.rests()

	d.Keys("alt+1")
	d.at(0)
	const question = "KX-200のタンク容量はいくらですか。"
	if got := d.asks(question); got.Answers[0].Adapter != run.Adapter || got.Answers[0].Mode != record.ModeAdapter {
		d.fail("answered by %+v", got.Answers[0])
	}
	d.Keys("alt+4") // the card of the adapter leads to the comparison
	d.at(3)
	d.rests()
	d.Keys("Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Return") // past the model's buttons, the chart, and “stop using it”
	d.at(0)
	d.rests()
	got := d.asks(question)
	d.until("both have answered", 60*time.Second, func() bool {
		now, ok := d.last()
		got = now
		return ok && len(got.Answers) == 2
	})
	if got.Answers[0].Adapter != "" || got.Answers[1].Adapter != run.Adapter {
		d.fail("compared: %+v", got.Answers)
	}
	for _, g := range got.Answers {
		if g.Mode != record.ModeCompare && g.Mode != record.ModeAdapter || g.Answer.Text == "" {
			d.fail("compared: %+v", g)
		}
	}

	d.Keys("alt+3")
	d.at(2)
	d.rests()
	d.Keys("Return") // take it back
	d.until("the model answers alone", 20*time.Second, func() bool { return !strings.Contains(answers(), `"default":true`) })
	if run.End == core.TrainBlowup || run.BestLoss <= 0 {
		d.fail("the run is %+v", run)
	}
	d.Keys("ctrl+q")
	d.left()
}

package chat

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
	"kakoi/ui/theme"
)

// fakeReceipts seals real receipts of an answer that is sound in itself.
type fakeReceipts struct {
	key    manifest.SecretKey
	signer string
	asked  []string // answers that a receipt was asked of
}

func newFakeReceipts(t testing.TB) *fakeReceipts {
	t.Helper()
	_, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	k, err := manifest.ParseSecretKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	return &fakeReceipts{key: k, signer: app.SignerOwn}
}

func (f *fakeReceipts) Of(_ context.Context, conversation, turn, given string) (receipt.Receipt, error) {
	f.asked = append(f.asked, given)
	a := cited("starter", "有給休暇は何日ですか。").Answer
	prompt, reply := "参考資料:\n", " "+a.Text
	for i := range a.Passages {
		p := &a.Passages[i]
		if i == 0 { // what the citations stand in
			p.Text = strings.Repeat("第", 12) + a.Citations[0].Text
			p.End = p.Start + len([]rune(p.Text))
			a.Citations = a.Citations[:1]
			a.Citations[0].End = p.End
		}
		prompt += p.Text + "\n"
	}
	prompt += "質問: " + a.Question
	a.Receipt.Prompt, a.Receipt.PromptSHA256, a.Receipt.Reply, a.Receipt.ReplySHA256 = prompt, receipt.Sum(prompt), reply, receipt.Sum(reply)
	a.Receipt.Origin = &core.Origin{Program: "1.2", Engine: "1.2", Torch: "2.11.0", Processor: "Intel Xeon", Threads: 2, SideBySide: 1}
	r := receipt.Of(a)
	r.Made = time.Date(2026, 11, 28, 9, 30, 0, 0, time.UTC)
	r.Conversation, r.Turn, r.ID = conversation, turn, given
	return r, nil
}

func (f *fakeReceipts) Seal(_ context.Context, of receipt.Receipt) ([]byte, error) {
	return receipt.Seal(of, f.key)
}

func (f *fakeReceipts) Check(_ context.Context, file *receipt.File, _ *manifest.PublicKey) (app.ReceiptCheck, error) {
	return app.ReceiptCheck{
		Authentic: f.signer != app.SignerUnknown, Signer: f.signer, Key: manifest.KeyID(file.Key), Fingerprint: receipt.Fingerprint(file.Key),
		Passages: []app.PassageState{{Document: "就業規則.pdf", Page: 12, State: app.StateSame}, {Document: "経費精算の手引き.txt", Page: 1, State: app.StateChanged}},
		Model:    &app.Held{Name: "starter", ID: "0123456789abcdef", State: app.StateSame},
		Embedder: &app.Held{Name: "multilingual-e5-small", ID: "fedcba9876543210", State: app.StateSame},
	}, nil
}

func (f *fakeReceipts) Replay(_ context.Context, of receipt.Receipt, _ core.Progress) (app.ReceiptReplay, error) {
	now := receipt.Origin{Program: "1.3", Engine: "1.3", Processor: "Intel Xeon", Threads: 4, Device: "cpu", SideBySide: 1}
	return app.ReceiptReplay{Comparison: of.Compare(core.Reply{Text: " 入社から7か月後です。"}, now)}, nil
}

// exported is a rig with a receipt that was exported from the details of an answer.
func exported(t *testing.T, l look) (r *rig, f *fakeReceipts, path string) {
	t.Helper()
	r, f = newRig(t), newFakeReceipts(t)
	r.show(l)
	r.screen.p.Receipts, r.m.receipts, r.saveTo = f, f, t.TempDir()
	r.ask("有給休暇は何日ですか。")
	r.screen.showDetails(r.m.leaf(), "")
	r.whole("details")
	r.tapPanel("receipt.export")
	r.settle()
	r.tapPanel("ui.close")
	files, err := filepath.Glob(filepath.Join(r.saveTo, "*.receipt.json"))
	if err != nil || len(files) != 1 || len(r.errors) > 0 || len(r.toasts) != 1 {
		t.Fatalf("written %v, %v; errors %v, said %v", files, err, r.errors, r.toasts)
	}
	return r, f, files[0]
}

func TestReceiptExportedAndChecked(t *testing.T) {
	r, f, path := exported(t, usual())
	if _, err := app.ReadReceipt(path); err != nil {
		t.Fatal(err)
	}
	if _, g, ok := r.m.givenOf(r.m.leaf(), ""); !ok || len(f.asked) != 1 || f.asked[0] != g.ID {
		t.Errorf("receipt of %v", f.asked)
	}
	r.clipboard = ""
	see := func(headline string) {
		t.Helper()
		r.settle()
		if r.window.Canvas().Overlays().Top() == nil {
			t.Fatal("no receipt is shown")
		}
		r.tapPanel("chat.copy")
		if !strings.HasPrefix(r.clipboard, headline) {
			t.Errorf("shown %q, want %q", r.clipboard, headline)
		}
	}
	if !r.screen.Drop([]string{path}) {
		t.Fatal("a dropped receipt is left to the documents")
	}
	see("本物です。鍵 ")
	for _, part := range []string{"1 / 2 が同じ場所に", "経費精算の手引き.txt", "なくなっている", "入社から6か月後に", "kakoi 1.2, kakoi-engine 1.2", "質問: 有給"} {
		if !strings.Contains(r.clipboard, part) {
			t.Errorf("%q is not shown:\n%s", part, r.clipboard)
		}
	}
	r.tapPanel("chat.replay")
	r.settle()
	r.tapPanel("ui.close")
	f.signer = app.SignerUnknown
	r.picked = []string{path}
	r.screen.pickReceipt()
	see("署名されてから変更されていませんが、")
	r.tapPanel("ui.close")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte("6か月"), []byte("9か月"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	r.screen.OpenReceipt(path)
	see("信用できません: 証跡")
	r.tapPanel("ui.close")
	// What is no receipt is left to the documents, and told where it was chosen.
	other := filepath.Join(r.saveTo, "notes.txt")
	if err := os.WriteFile(other, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.screen.Drop([]string{other}) || r.screen.Drop([]string{path, path}) {
		t.Error("other files are not left to the documents")
	}
	r.screen.OpenReceipt(other)
	r.settle()
	if len(r.errors) != 1 || r.window.Canvas().Overlays().Top() != nil {
		t.Errorf("errors %v", r.errors)
	}
}

// A receipt's panel is whole in both languages, as it is opened and with a replay that differs.
func TestReceiptLooks(t *testing.T) {
	for _, l := range []look{usual(), {"ja", theme.Dark, 150, fyne.NewSize(874, 640)}, {"en", theme.Light, 150, fyne.NewSize(874, 640)}, {"en", theme.Dark, 100, fyne.NewSize(1024, 700)}} {
		r, f, path := exported(t, l)
		name := "receipt-" + l.lang + "-" + l.mode
		for _, signer := range []string{app.SignerOwn, app.SignerUnknown} {
			f.signer = signer
			r.screen.OpenReceipt(path)
			r.settle()
			r.whole(name)
			r.picture(name + "-" + signer)
			r.tapPanel("chat.replay")
			r.settle()
			r.whole(name + " replayed")
			r.picture(name + "-" + signer + "-replayed")
			r.tapPanel("ui.close")
		}
		r.screen.showDetails(r.m.leaf(), "")
		r.picture(name + "-details")
		r.tapPanel("ui.close")
	}
}

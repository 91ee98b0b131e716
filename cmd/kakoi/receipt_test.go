package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
)

func TestReceipts(t *testing.T) {
	w, id := talked(t)
	path := filepath.Join(w.docs, "leave.receipt.json")
	r := w.want(0, "receipt", "export", id+"/2", path)
	if !strings.Contains(r.out, "Written: "+path) || !strings.Contains(r.out, "Not in the receipt: hashes of the model's files") { // the small models of these tests have none
		t.Errorf("export says %q", r.out)
	}
	shown := w.want(0, "receipt", "show", path).out
	for _, part := range []string{"How many days of paid leave?", "twenty days", "[1] rules.txt p.1", "Prompt as sent", "kakoi-engine apptest", "Fingerprint: "} {
		if !strings.Contains(shown, part) {
			t.Errorf("show leaves out %q:\n%s", part, shown)
		}
	}
	// Authentic; the models here have no files to compare, so not all is known to be the same.
	if r := w.want(3, "receipt", "verify", path); !strings.Contains(r.out, "Authentic") || !strings.Contains(r.out, "1 of 1 with the same text") || !strings.Contains(r.out, "another of that name is here") {
		t.Errorf("verify says %q", r.out)
	}
	type verified struct {
		Intact bool `json:"intact"`
		app.ReceiptCheck
		Missing []receipt.Missing `json:"missing"`
	}
	v := objects[verified](t, w.want(3, "receipt", "verify", "--json", path).out)[0]
	if !v.Intact || !v.Authentic || v.Signer != app.SignerOwn || v.Here || v.Passages[0].State != app.StateSame {
		t.Errorf("verified %+v", v)
	}
	if r := w.want(0, "receipt", "replay", path); !strings.Contains(r.out, "Identical: the same ") {
		t.Errorf("replay says %q", r.out)
	}
	if x := objects[app.ReceiptReplay](t, w.want(0, "receipt", "replay", "--json", path).out)[0]; !x.Identical || !x.Tokens {
		t.Errorf("replayed %+v", x)
	}
	w.receiptKeys(path)
	w.receiptsDamaged(path)
	// One that is there is replaced only when a person says so.
	w.want(2, "receipt", "export", id, path)
	w.want(0, "receipt", "export", "--yes", id, path)
	type file struct {
		Intact           bool
		Key, Fingerprint string
		Receipt          receipt.Receipt
	}
	if f := objects[file](t, w.want(0, "receipt", "show", "--json", path).out)[0]; !f.Intact || f.Receipt.Question != "How many days of paid leave?" || f.Receipt.Reply == nil {
		t.Errorf("the last answer: %+v", f)
	}
	w.want(2, "receipt")
	w.want(2, "receipt", "exprot", id, path)
	w.want(2, "receipt", "export", id+"/9", filepath.Join(w.docs, "none"))
	w.want(1, "receipt", "show", filepath.Join(w.docs, "rules.txt"))
	w.want(1, "receipt", "verify", filepath.Join(w.docs, "nothing.json"))
}

// receiptKeys: the own key, another one, and what minisign takes.
func (w *world) receiptKeys(path string) {
	w.t.Helper()
	key := objects[struct{ Key, ID, Fingerprint string }](w.t, w.want(0, "receipt", "key", "--json").out)[0]
	if r := w.want(0, "receipt", "key"); !strings.Contains(r.out, key.Key) || !strings.Contains(r.out, key.Fingerprint) {
		w.t.Errorf("key says %q", r.out)
	}
	if r := w.want(3, "receipt", "verify", "--key", key.Key, path); !strings.Contains(r.out, "the key that was given") {
		w.t.Errorf("with the key given: %q", r.out)
	}
	base := filepath.Join(w.docs, "parts")
	w.want(0, "receipt", "show", "--split", base, path)
	w.want(3, "receipt", "verify", "--key", base+".pub", path)
	var parts [3][]byte
	for i, end := range []string{".json", ".json.minisig", ".pub"} {
		raw, err := os.ReadFile(base + end)
		if err != nil {
			w.t.Fatal(err)
		}
		parts[i] = raw
	}
	pub, err := manifest.ParsePublicKey(parts[2])
	if err != nil || pub.String() != key.Key {
		w.t.Errorf("key %v, %v", pub, err)
	}
	if _, err := manifest.Verify(pub, parts[0], parts[1]); err != nil {
		w.t.Errorf("the parts: %v", err)
	}
	other := *w
	other.data = w.t.TempDir()
	if r := other.want(1, "receipt", "verify", path); !strings.Contains(r.out, "not known here: "+key.ID) || !strings.Contains(r.out, key.Fingerprint) || !strings.Contains(r.out, "not in the library") {
		w.t.Errorf("elsewhere: %q", r.out)
	}
	theirs := objects[struct{ Key, ID, Fingerprint string }](w.t, other.want(0, "receipt", "key", "--json").out)[0]
	if r := w.want(1, "receipt", "verify", "--key", theirs.Key, path); !strings.Contains(r.err, "signed by another key") {
		w.t.Errorf("with another key: %q", r.err)
	}
	w.want(2, "receipt", "verify", "--key", "RWno", path)
}

// receiptsDamaged: one that was changed is said not to be relied on by every verb, and still shown.
func (w *world) receiptsDamaged(path string) {
	w.t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := w.file("changed.json", strings.ReplaceAll(string(raw), "twenty", "thirty"))
	if r := w.want(1, "receipt", "verify", changed); !strings.Contains(r.err, "Passage 1 of the receipt is not the one") {
		w.t.Errorf("verify says %q", r.err)
	}
	if r := w.want(1, "receipt", "show", changed); !strings.HasPrefix(r.out, "Not to be relied on: Passage 1") || !strings.Contains(r.out, "thirty days") {
		w.t.Errorf("show says %q", r.out)
	}
	w.want(1, "receipt", "replay", changed)
}

func TestAskWithReceipt(t *testing.T) {
	w, _ := talked(t)
	path := filepath.Join(w.docs, "asked.json")
	if r := w.want(0, "ask", "--receipt", path, "When does the office open?"); !strings.Contains(r.out, "nine o'clock") || !strings.Contains(r.out, "Written: ") {
		t.Errorf("ask says %q", r.out)
	}
	w.want(3, "receipt", "verify", path)
	w.want(0, "receipt", "replay", path)
	// Nothing was found: the model was not asked, and the receipt says so.
	refused := filepath.Join(w.docs, "refused.json")
	a := objects[core.Answer](t, w.want(3, "ask", "--json", "--receipt", refused, "ゾウの平均体重は？").out)[0]
	if !a.Refused || a.Receipt != nil {
		t.Errorf("answered %+v", a)
	}
	if r := w.want(0, "receipt", "show", refused); !strings.Contains(r.out, "the model was not asked") {
		t.Errorf("show says %q", r.out)
	}
	if r := w.want(1, "receipt", "replay", refused); !strings.Contains(r.err, "was not asked") {
		t.Errorf("replay says %q", r.err)
	}
	w.want(2, "ask", "--receipt", refused, "When does the office open?") // it is there
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core/receipt"
)

// receipted exports the receipt of an answer and replays it: what came again must be the same.
func (w *world) receipted(which string) receipt.Receipt {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "receipt.json")
	w.want(0, "receipt", "export", which, path)
	type file struct {
		Intact           bool
		Key, Fingerprint string
		Receipt          receipt.Receipt
	}
	f := objects[file](w.t, w.want(0, "receipt", "show", "--json", path).out)[0]
	x := objects[app.ReceiptReplay](w.t, w.want(0, "receipt", "replay", "--json", path).out)[0]
	if !f.Intact || !x.Identical || x.Partial != f.Receipt.Answer.Stopped {
		w.t.Errorf("%s: intact %v, replayed %+v", which, f.Intact, x)
	}
	return f.Receipt
}

// TestReceiptsOfAllKinds: an answer that was stopped by Ctrl+C, one with a history, and one by an adapter have receipts that replay identically by the commands; without the adapter, or in a library
// that has another passphrase, it is said what is missing.
func TestReceiptsOfAllKinds(t *testing.T) {
	w := newWorld(t)
	questions := w.house(3, 8)
	w.env = append(w.env, "KAKOI_TEST_WIDE=1", "KAKOI_TEST_STOP=1") // a model that streams: what is stopped was seen
	w.want(4, "chat", "ask", "new", "Where is part 3 kept?")
	w.env = w.env[:len(w.env)-1]
	if of := w.receipted("last/1"); !of.Answer.Stopped || of.Reply == nil || of.Answer.Text == "" || strings.Contains(of.Answer.Text, "room 31") {
		t.Errorf("stopped: %+v", of.Answer)
	}
	w.want(0, "chat", "ask", "last", "And part 4?")
	w.want(0, "chat", "ask", "last", "Where is part 5 kept?")
	if of := w.receipted("last/3"); of.Answer.Stopped || of.Request == nil || !strings.Contains(of.Question, "part 5") || of.Adapter != nil {
		t.Errorf("with a history: %+v", of)
	}
	w.want(0, "dataset", "import", questions, "--name", "house", "--seed", "3")
	w.want(0, "train", "--epochs", "1", "--batch", "4", "--accumulate", "1", "--rank", "2", "--name", "parts")
	adapter := objects[app.AdapterInfo](t, w.want(0, "adapter", "list", "--json").out)[0]
	w.want(0, "chat", "ask", "last", "Where is part 6 kept?", "--adapter", "parts")
	of := w.receipted("last/4")
	if of.Adapter == nil || of.Adapter.ID != adapter.ID || of.Adapter.SHA256 == "" || of.Adapter.Name != "parts" {
		t.Fatalf("by an adapter: %+v", of.Adapter)
	}
	path := filepath.Join(t.TempDir(), "receipt.json")
	w.want(0, "receipt", "export", "last/4", path)
	w.encrypt("twelve green bottles")
	if of := w.receipted("last/4"); of.Adapter == nil || of.Adapter.SHA256 == "" {
		t.Errorf("by an adapter, encrypted: %+v", of.Adapter)
	}
	w.want(0, "receipt", "replay", path) // from before the encryption: the adapter is the same
	w.want(0, "adapter", "remove", "parts", "--yes")
	if r := w.want(1, "receipt", "replay", path); !strings.Contains(r.err, adapter.ID) {
		t.Errorf("without the adapter: %s%s", r.out, r.err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

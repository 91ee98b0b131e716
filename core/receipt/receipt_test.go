package receipt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
)

func key(t *testing.T) manifest.SecretKey {
	t.Helper()
	_, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	k, err := manifest.ParseSecretKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// answer is one as core/rag gives it.
func answer() core.Answer {
	passage := "夏季休暇は3日です。 | 冬季休暇は5日です。"
	prompt := "情報:" + passage + "\n質問→夏季休暇は何日ですか。"
	reply := " 夏季休暇は3日です。"
	return core.Answer{
		Question: "夏季休暇は何日ですか。", Text: "夏季休暇は3日です。", Model: "starter", PromptTokens: 30, NewTokens: 4,
		Citations:   []core.Citation{{Sentence: "夏季休暇は3日です。", ID: "d1", Document: "就業規則.docx", Page: 2, Start: 100, End: 110, Text: "夏季休暇は3日です。", Score: 0.93}},
		Unsupported: []string{},
		Passages:    []core.Passage{{Document: "d1", Name: "就業規則.docx", Page: 2, Start: 100, End: 123, Text: passage, Score: 0.5, Dense: 0.9, Lexical: 3.25}},
		Receipt: &core.Receipt{
			Prompt: prompt, PromptSHA256: receipt.Sum(prompt), Reply: reply, ReplySHA256: receipt.Sum(reply), Template: "ja", ModelID: "00112233445566aa", EmbedderID: "e0e1e2e3e4e5e6e7",
			Device: "cpu", DType: "nf4", Sampling: core.Sampling{Temperature: 0.2, RepetitionPenalty: 1.1, Seed: 1<<63 + 1, MaxNewTokens: 56}, Stop: core.StopEnd,
			Tokens: []int32{17, 4, 9001, 12, 0}, Documents: map[string]string{"d1": strings.Repeat("ab", 32)},
			Origin: &core.Origin{Program: "1", Engine: "1", Torch: "2.11", Processor: "Test", Threads: 2, SideBySide: 1},
		},
	}
}

func seal(t *testing.T, r receipt.Receipt, k manifest.SecretKey) []byte {
	t.Helper()
	raw, err := receipt.Seal(r, k)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSealedAndOpened(t *testing.T) {
	k := key(t)
	r := receipt.Of(answer())
	raw := seal(t, r, k)
	if again := seal(t, r, k); !bytes.Equal(raw, again) {
		t.Error("the same receipt gives other bytes")
	}
	f, err := receipt.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Key.Equal(k.Public()) || len(f.Receipt.Missing) != 0 || f.Receipt.Request.Sampling.Seed != "9223372036854775809" || f.Receipt.Reply.Text != " 夏季休暇は3日です。" {
		t.Errorf("read %+v", f.Receipt)
	}
	q, err := f.Receipt.Generate()
	if err != nil || q.Sampling.Seed != 1<<63+1 || q.Prompt != answer().Receipt.Prompt || q.Sampling.Temperature != 0.2 {
		t.Errorf("request %+v, %v", q, err)
	}
	content, signature, public := f.Split()
	pub, err := manifest.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Verify(pub, content, signature); err != nil {
		t.Errorf("the parts alone: %v", err)
	}
	if !receipt.Is(raw) || receipt.Is([]byte(`{"format":"other"`)) || len(receipt.Fingerprint(pub)) != 39 {
		t.Errorf("fingerprint %q", receipt.Fingerprint(pub))
	}
}

// TestQuotedStands: an answer that is quoted in place of the model's reply has to stand in a passage, but for what is made of a clause to have a sentence: a yes or no before it, its
// capital letter, its lines in one, and how it ends.
func TestQuotedStands(t *testing.T) {
	for text, want := range map[string]string{
		"夏季休暇は3日です。":                     "",
		"はい、夏季休暇は3日です。":                  "",
		"夏季休暇は3日…":                       "",
		"夏季休暇は3日 冬季休暇は5日です。":             "error.receipt.answer",
		"冬季休暇は5です。":                      "",
		"Masks are put on before.":       "",
		"no, masks are put on.":          "",
		"夏季休暇は4日です。":                     "error.receipt.answer",
		"Yes, masks are put on after.":   "error.receipt.answer",
		"はい、":                            "error.receipt.answer",
		"…":                              "error.receipt.answer",
		"Maybe, masks are put on before": "error.receipt.answer",
	} {
		a := answer()
		p := &a.Passages[0]
		p.Text += "\nmasks are put\non before entering."
		a.Receipt.Prompt += p.Text
		a.Receipt.PromptSHA256 = receipt.Sum(a.Receipt.Prompt)
		a.Receipt.Reply, a.Quoted, a.Text = "It is three.", true, text
		a.Receipt.ReplySHA256 = receipt.Sum(a.Receipt.Reply)
		var problems []string
		for _, x := range receipt.Of(a).Check() {
			problems = append(problems, x.Key)
		}
		if got := strings.Join(problems, " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// reason is the key of the sentence that an error is told with.
func reason(err error) string {
	var user *core.UserError
	if !errors.As(err, &user) {
		return ""
	}
	return strings.TrimSpace(user.Key + " " + fmt.Sprint(user.Args...))
}

// What is changed and signed again by whoever has a key is found where the parts do not fit each other, and named.
func TestInnerHashes(t *testing.T) {
	for want, change := range map[string]func(*receipt.Receipt){
		"error.receipt.passage 1": func(r *receipt.Receipt) { r.Passages[0].Text += "。" },
		"error.receipt.prompt":    func(r *receipt.Receipt) { r.Request.Prompt += "?" },
		"error.receipt.unread 1": func(r *receipt.Receipt) {
			r.Passages[0].Text, r.Passages[0].SHA256 = "別の文", receipt.Sum("別の文")
		},
		"error.receipt.reply":      func(r *receipt.Receipt) { r.Reply.Text = "4日です。" },
		"error.receipt.answer":     func(r *receipt.Receipt) { r.Answer.Text = "4日です。" },
		"error.receipt.citation 1": func(r *receipt.Receipt) { r.Answer.Citations[0].Start++ },
		"error.receipt.tokens 3 4": func(r *receipt.Receipt) { r.Reply.Tokens = r.Reply.Tokens[:3] },
		"error.receipt.question":   func(r *receipt.Receipt) { r.Question = "冬季休暇は何日ですか。" },
		"error.receipt.unasked":    func(r *receipt.Receipt) { r.Request = nil },
	} {
		r := receipt.Of(answer())
		change(&r)
		f, err := receipt.Open(seal(t, r, key(t)))
		if got := reason(err); got != want || f == nil || !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%v (%q), want %s", err, got, want)
		}
	}
}

// What can be changed without breaking a hash or the signature is found as another form, and named.
func TestOtherForms(t *testing.T) {
	k := key(t)
	raw := seal(t, receipt.Of(answer()), k)
	text := string(raw)
	for name, c := range map[string]struct{ text, want string }{
		"a line feed less":            {strings.TrimSuffix(text, "\n"), "error.receipt.form"},
		"a line feed more":            {text + "\n", "error.receipt.form"},
		"a space":                     {strings.Replace(text, `"version":1`, `"version": 1`, 1), "error.receipt.form"},
		"a member more":               {strings.Replace(text, `,"version":1`, `,"version":1,"w":0`, 1), "error.receipt.form"},
		"another comment":             {strings.Replace(text, "signature of minisign", "Signature of minisign", 1), "error.receipt.signature"},
		"an escape":                   {strings.Replace(text, `"starter"`, `"st\u0061rter"`, 1), "error.receipt.form"},
		"a member twice":              {strings.Replace(text, `"question":`, `"question":"x","question":`, 1), "error.receipt.json"},
		"a later version":             {strings.Replace(text, `"version":1`, `"version":2`, 1), "error.receipt.version"},
		"another kind of file":        {`{"format":"other"}`, "error.receipt.none"},
		"half a file":                 {text[:len(text)/2], "error.receipt.json"},
		"nothing":                     {"", "error.receipt.none"},
		"another question":            {strings.Replace(text, "何日", "何月", 1), "error.receipt.question"},
		"another time":                {strings.Replace(text, `"made":"2`, `"made":"1`, 1), "error.receipt.signature"},
		"no signature":                {text[:strings.Index(text, `"signature":"`)] + `"signature":"","version":1}` + "\n", "error.receipt.signature"},
		"another key":                 {strings.Replace(text, k.Public().(manifest.PublicKey).String(), key(t).Public().(manifest.PublicKey).String(), 1), "error.receipt.signature"},
		"a number for the text":       {strings.Replace(text, `"question":"夏季休暇は何日ですか。"`, `"question":5`, 1), "error.receipt.content"},
		"no content":                  {`{"format":"kakoi-receipt","key":"","receipt":null,"signature":"","version":1}`, "error.receipt.key"},
		"a signature for other bytes": {strings.Replace(text, `"threads":2`, `"threads":3`, 1), "error.receipt.signature"},
	} {
		_, err := receipt.Open([]byte(c.text))
		if got, _, _ := strings.Cut(reason(err), " "); got != c.want {
			t.Errorf("%s: %v (%q), want %s", name, err, got, c.want)
		}
	}
	// A member that this version does not know is not passed over, although the signature is right.
	f, err := receipt.Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	message, err := receipt.Canonical(append([]byte(`{"approved_by":"the board",`), f.Message[1:]...))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(map[string]any{
		"format": "kakoi-receipt", "key": f.Key.String(), "receipt": json.RawMessage(message), "version": 1,
		"signature": string(manifest.Sign(k, message, "kakoi receipt 1")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if plain, err = receipt.Canonical(plain); err != nil {
		t.Fatal(err)
	}
	if _, err := receipt.Open(append(plain, '\n')); reason(err) != "error.receipt.content" {
		t.Errorf("an unknown member: %v", err)
	}
}

// None of many damaged receipts is accepted, none ends the program, and each is told of by name. KAKOI_CORRUPT is how many.
func TestCorrupted(t *testing.T) {
	n := 100
	if s := os.Getenv("KAKOI_CORRUPT"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	whole := seal(t, receipt.Of(answer()), key(t))
	r := rand.New(rand.NewPCG(9, 7))
	named := map[string]int{}
	for i := range n {
		raw := damage(r, whole)
		if bytes.Equal(raw, whole) {
			t.Fatal("nothing was damaged")
		}
		_, err := receipt.Open(raw)
		if err == nil {
			t.Fatalf("%d: accepted, first other byte %d", i, at(raw, whole))
		}
		if reason(err) == "" {
			t.Errorf("%d: not named: %v", i, err)
		}
		key, _, _ := strings.Cut(reason(err), " ")
		named[key]++
	}
	t.Logf("%d damaged, named as %v", n, named)
}

func at(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// damage changes bits or bytes, takes some out, doubles some, or moves some.
func damage(r *rand.Rand, whole []byte) []byte {
	for {
		raw := bytes.Clone(whole)
		from := r.IntN(len(raw))
		to := from + 1 + r.IntN(min(64, len(raw)-from))
		switch r.IntN(6) {
		case 0:
			raw[from] ^= 1 << r.IntN(8)
		case 1:
			raw[from] = byte(r.IntN(256))
		case 2:
			raw = raw[:from]
		case 3:
			raw = append(raw[:from:from], raw[to:]...)
		case 4:
			raw = append(append(append([]byte{}, raw[:to]...), raw[from:to]...), raw[to:]...)
		default:
			other := r.IntN(len(raw))
			raw[from], raw[other] = raw[other], raw[from]
		}
		if !bytes.Equal(raw, whole) {
			return raw
		}
	}
}

func FuzzOpen(f *testing.F) {
	_, secret, err := manifest.NewKey("")
	if err != nil {
		f.Fatal(err)
	}
	k, err := manifest.ParseSecretKey(secret, "")
	if err != nil {
		f.Fatal(err)
	}
	whole, err := receipt.Seal(receipt.Of(answer()), k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"format":"kakoi-receipt","key":"","receipt":{},"signature":"","version":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := receipt.Open(raw); err == nil && !bytes.Equal(raw, whole) {
			t.Errorf("accepted %q", raw)
		}
	})
}

// Answers of every kind have a receipt that is right in itself.
func TestKindsOfAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(a *core.Answer, r *receipt.Receipt)
		by      string
		missing []receipt.Missing
	}{
		"refused by the search": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Refused, a.Text, a.Citations = true, "資料には記載がありません。", nil
			a.Receipt.Prompt, a.Receipt.PromptSHA256, a.Receipt.Reply, a.Receipt.ReplySHA256, a.Receipt.Tokens = "", "", "", "", nil
			a.NewTokens = 0
		}, by: receipt.RefusedBySearch},
		"refused by the model": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Refused, a.Text, a.Citations = true, "資料には記載がありません。", nil
		}, by: receipt.RefusedByModel},
		"refused by the bound": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Refused, a.Text, a.Citations, a.NewTokens = true, "資料には記載がありません。", nil, 0
			a.Receipt.Reply, a.Receipt.Tokens, a.Receipt.Stop = "資料には記載がありません。", nil, core.StopRefusal
			a.Receipt.ReplySHA256 = receipt.Sum(a.Receipt.Reply)
			a.Receipt.Refusal = &core.RefusalReceipt{Refusal: core.Refusal{Text: "資料には", Decide: true, Bound: 0.4}, RefusalScore: core.RefusalScore{Probability: 0.7, Tokens: 2, Refused: true}, Mode: "balanced"}
		}, by: receipt.RefusedByBound},
		"stopped, its tokens not known": {change: func(a *core.Answer, r *receipt.Receipt) {
			a.Text, a.Citations, a.NewTokens = "夏季", nil, 1
			a.Receipt.Reply, a.Receipt.ReplySHA256, a.Receipt.Tokens, a.Receipt.Stop = "", "", nil, ""
		}, missing: []receipt.Missing{receipt.MissingTokens}},
		"of an old conversation": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Receipt.Reply, a.Receipt.Tokens, a.Receipt.Origin, a.Receipt.Documents = "", nil, nil, nil
		}, missing: []receipt.Missing{receipt.MissingDocuments, receipt.MissingOrigin, receipt.MissingTokens}},
		"of an old conversation, refused": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Refused, a.Text, a.Citations = true, "資料には記載がありません。", nil
			a.Receipt.Reply, a.Receipt.Tokens, a.Receipt.Origin, a.Receipt.Documents = "", nil, nil, nil
		}, by: receipt.RefusedByModel, missing: []receipt.Missing{receipt.MissingDocuments, receipt.MissingOrigin, receipt.MissingReply, receipt.MissingTokens}},
		"without any": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Receipt, a.Passages, a.Citations = nil, nil, nil
		}, missing: []receipt.Missing{receipt.MissingAll}},
		"bytes that are no text": {change: func(a *core.Answer, _ *receipt.Receipt) {
			a.Receipt.Prompt += "\xff"
			a.Receipt.PromptSHA256 = receipt.Sum(a.Receipt.Prompt)
		}, missing: []receipt.Missing{receipt.MissingPrompt}},
	} {
		a := answer()
		c.change(&a, nil)
		r := receipt.Of(a)
		f, err := receipt.Open(seal(t, r, key(t)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := f.Receipt; got.Answer.RefusedBy != c.by || fmt.Sprint(got.Missing) != fmt.Sprint(c.missing) {
			t.Errorf("%s: refused by %q, missing %v; want %q, %v", name, got.Answer.RefusedBy, got.Missing, c.by, c.missing)
		}
		if _, err := f.Receipt.Generate(); (err != nil) != (r.Request == nil || name == "bytes that are no text") {
			t.Errorf("%s: to be generated again: %v", name, err)
		}
	}
}

func TestCompare(t *testing.T) {
	origin := receipt.Origin{Program: "1", Engine: "1", Torch: "2.11", Processor: "Test", Device: "cpu", DType: "nf4", Threads: 2, SideBySide: 1}
	same := core.Reply{Text: " 夏季休暇は3日です。", Tokens: []int32{17, 4, 9001, 12, 0}}
	other := origin
	other.Processor, other.Threads, other.Program = "Other", 8, "2"
	for name, c := range map[string]struct {
		change          func(r *receipt.Receipt)
		reply           core.Reply
		now             receipt.Origin
		identical       bool
		token, charater int
		causes          string
	}{
		"the same":                       {nil, same, origin, true, -1, -1, "[]"},
		"the same, elsewhere":            {nil, same, other, true, -1, -1, "[{processor Test Other} {threads 2 8} {program 1 2}]"},
		"another token of the same text": {nil, core.Reply{Text: same.Text, Tokens: []int32{17, 4, 9002, 12, 0}}, origin, false, 2, -1, "[]"},
		"another text":                   {nil, core.Reply{Text: " 夏季休暇は4日です。", Tokens: []int32{17, 4, 9001, 13, 0}}, origin, false, 3, 6, "[]"},
		"longer":                         {nil, core.Reply{Text: same.Text + "よ", Tokens: append(same.Tokens[:4:4], 5, 0)}, origin, false, 4, 11, "[]"},
		"shorter":                        {nil, core.Reply{Text: " 夏季", Tokens: []int32{17, 4}}, origin, false, 2, 3, "[]"},
		"stopped, as far as it went": {func(r *receipt.Receipt) {
			r.Answer.Stopped, r.Answer.Text, r.Reply.Text, r.Reply.Tokens = true, "夏季", " 夏季", nil
		}, same, origin, true, -1, -1, "[]"},
		"only a hash": {func(r *receipt.Receipt) {
			r.Reply.Text, r.Missing = "", append(r.Missing, receipt.MissingReply)
		}, same, origin, true, -1, -1, "[]"},
		"only a hash, of another": {func(r *receipt.Receipt) {
			r.Reply.Text, r.Missing = "", append(r.Missing, receipt.MissingReply)
		}, core.Reply{Text: "x"}, origin, false, -1, -1, "[]"},
	} {
		r := receipt.Of(answer())
		if c.change != nil {
			c.change(&r)
		}
		got := r.Compare(c.reply, c.now)
		if got.Identical != c.identical || got.Token != c.token || got.Character != c.charater || fmt.Sprint(got.Causes) != c.causes {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMadeIsOfNow(t *testing.T) {
	if d := time.Since(receipt.Of(answer()).Made); d < 0 || d > time.Minute {
		t.Errorf("made %v ago", d)
	}
}

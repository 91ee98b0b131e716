package app

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kakoi/core/manifest"
	"kakoi/core/receipt"
)

// Translate gives a text in the reader's language.
type Translate func(key string, args ...any) string

// Lines say what became of a check: whose signature it is, then what the receipt names. show (nil is allowed) cleans names of what must not reach a
// terminal.
func (c ReceiptCheck) Lines(t Translate, show func(string) string) []string {
	if show == nil {
		show = func(s string) string { return s }
	}
	var lines []string
	switch c.Signer {
	case SignerUnknown:
		lines = append(lines, t("receipt.said.unknown", c.Key, c.Fingerprint))
	default:
		lines = append(lines, t("receipt.said.authentic", c.Key), t("receipt.said."+c.Signer))
	}
	same := 0
	for _, p := range c.Passages {
		if p.State == StateSame {
			same++
		}
	}
	if len(c.Passages) == 0 {
		lines = append(lines, t("receipt.said.nopassages"))
	} else {
		lines = append(lines, t("receipt.said.passages", same, len(c.Passages)))
	}
	for i, p := range c.Passages {
		if p.State != StateSame {
			lines = append(lines, t("receipt.said.passage", i+1, t("cli.place", show(p.Document), p.Page), t("receipt.state."+p.State)))
		}
	}
	for _, h := range []struct {
		key  string
		held *Held
	}{{"model", c.Model}, {"embedder", c.Embedder}, {"adapter", c.Adapter}} {
		if h.held != nil {
			lines = append(lines, t("receipt.said."+h.key, show(cmp.Or(h.held.Name, "?")), show(h.held.ID), t("receipt.state."+h.held.State)))
		}
	}
	return lines
}

// Lines say whether the same came again; if not, where it differs first and why that may be.
func (r ReceiptReplay) Lines(t Translate) []string {
	switch {
	case r.Identical && r.Partial:
		return []string{t("receipt.said.identical.part")}
	case r.Identical && r.Tokens && r.NewTokens > 0:
		return []string{t("receipt.said.identical.tokens", r.NewTokens)}
	case r.Identical && r.NewTokens == 0: // a bound decided
		return []string{t("receipt.said.identical.refusal")}
	case r.Identical:
		return []string{t("receipt.said.identical", r.NewTokens)}
	}
	return append([]string{t("receipt.said.different")}, DifferenceLines(r.Comparison, t)...)
}

// DifferenceLines say where a comparison that is not identical differs first, and why that may be.
func DifferenceLines(c receipt.Comparison, t Translate) []string {
	var lines []string
	if c.Token >= 0 {
		lines = append(lines, t("receipt.said.token", c.Token+1))
	}
	if c.Character >= 0 {
		lines = append(lines, t("receipt.said.character", c.Character+1, c.Then, c.Now))
	}
	if c.Token < 0 && c.Character < 0 {
		lines = append(lines, t("receipt.said.hash"))
	}
	if len(c.Causes) == 0 {
		return append(lines, t("receipt.said.nocause"))
	}
	lines = append(lines, t("receipt.said.causes"))
	for _, x := range c.Causes {
		lines = append(lines, "  "+t("receipt.said.cause", t("receipt.cause."+x.What), x.Then, x.Now))
	}
	return lines
}

// MissingLine names what a receipt does not say; "" when that is nothing.
func MissingLine(r receipt.Receipt, t Translate) string {
	if len(r.Missing) == 0 {
		return ""
	}
	names := make([]string, len(r.Missing))
	for i, m := range r.Missing {
		names[i] = t("receipt.missing." + string(m))
	}
	return t("cli.receipt.missing", strings.Join(names, t("list.comma")))
}

// ReceiptLines say what a receipt holds but for its question, answer, passages and prompt.
func ReceiptLines(r receipt.Receipt, key manifest.PublicKey, t Translate) []string {
	at := func(x time.Time) string { return x.Local().Format("2006-01-02 15:04:05 MST") }
	var lines []string
	add := func(key string, args ...any) { lines = append(lines, t(key, args...)) }
	if r.Asked.IsZero() {
		add("receipt.written.at", at(r.Made))
	} else {
		add("receipt.asked.at", at(r.Asked), at(r.Answered), at(r.Made))
	}
	a := r.Answer
	switch {
	case a.RefusedBy == receipt.RefusedByBound && r.Request != nil && r.Request.Refusal != nil && r.Reply != nil && r.Reply.Refusal != nil:
		add("receipt.by.bound", 100*r.Reply.Refusal.Probability, 100*r.Request.Refusal.Bound)
	case a.RefusedBy == receipt.RefusedByEvidence && r.Evidence != nil:
		add("receipt.by.evidence", 100*r.Evidence.Answerable, 100*r.Evidence.Refusal, 100*r.Evidence.Bound)
	case a.RefusedBy == receipt.RefusedBySearch || a.RefusedBy == receipt.RefusedByModel:
		add("receipt.by." + a.RefusedBy)
	}
	if a.Stopped {
		add("receipt.stopped")
	}
	if a.Failure != "" {
		add("receipt.failed")
	}
	device, dtype := "", ""
	if o := r.Origin; o != nil {
		device, dtype = o.Device, o.DType
	}
	if m := r.Model; m != nil {
		add("cli.receipt.model", cmp.Or(m.Name, "?"), m.ID, device, dtype)
		for _, f := range m.Files {
			lines = append(lines, "  "+f.SHA256+"  "+f.Name)
		}
	}
	if x := r.Adapter; x != nil {
		add("cli.receipt.adapter", strings.TrimSpace(x.Name+" "+cmp.Or(x.SHA256, x.ID)))
	}
	if m := r.Embedder; m != nil {
		add("cli.receipt.embedder", strings.TrimSpace(m.Name+" "+m.ID))
	}
	if e := r.Evidence; e != nil {
		add("cli.receipt.evidence", e.ID, e.Read, 100*e.Answerable)
	}
	if o := r.Origin; o != nil && o.Engine != "" {
		lines = append(lines, fmt.Sprintf("kakoi %s, kakoi-engine %s, libtorch %s, %s, %s", o.Program, o.Engine, cmp.Or(o.Torch, "-"), o.Processor, t("receipt.threads", o.Threads)))
	}
	if q := r.Request; q != nil {
		s := q.Sampling
		seed, _ := strconv.ParseUint(s.Seed, 10, 64)
		add("cli.receipt.sampling", s.Temperature, s.TopK, s.TopP, s.RepetitionPenalty, seed, s.MaxNewTokens)
	}
	if m := MissingLine(r, t); m != "" {
		lines = append(lines, m)
	}
	add("cli.receipt.key", key.String())
	add("cli.receipt.fingerprint", receipt.Fingerprint(key))
	return lines
}

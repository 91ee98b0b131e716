package receipt

import (
	"slices"
	"strconv"
	"strings"

	"kakoi/core"
)

// Comparison is what came of generating an answer again.
type Comparison struct {
	Identical bool    `json:"identical"` // text and, where both are known, tokens; of an answer that was stopped, as far as it went
	Tokens    bool    `json:"tokens"`    // the tokens were compared, too
	Token     int     `json:"token"`     // the first token that is another, from 0; -1: none, or they are not known
	Character int     `json:"character"` // the first character of the reply that is another, from 0; -1: none
	Then      string  `json:"then"`      // the reply from there, some characters of it
	Now       string  `json:"now"`
	Causes    []Cause `json:"causes"` // what it was computed with that is another now, the likelier reason first; also where all is identical
}

// Cause is something that was computed with then, and is another now.
type Cause struct {
	What string `json:"what"` // "device", "dtype", "processor", "threads", "torch", "engine", "side_by_side", "program"
	Then string `json:"then"`
	Now  string `json:"now"`
}

// shown is how much of a difference is shown, characters.
const shown = 60

// Compare compares a receipt's reply with one that was generated again on now.
func (r Receipt) Compare(reply core.Reply, now Origin) Comparison {
	c := Comparison{Token: -1, Character: -1, Causes: r.causes(now)}
	part := r.Answer.Stopped || r.Answer.Failure != ""
	then := Reply{}
	if r.Reply != nil {
		then = *r.Reply
	}
	was, is := then.Text, text(reply.Text)
	switch {
	case part: // of what was streamed until then the space around it may be lost
		was, is = strings.TrimSpace(r.Answer.Text), strings.TrimLeft(is, " \n")
	case r.lacks(MissingReply): // its hash is all there is
		c.Identical = Sum(reply.Text) == then.SHA256
		return c
	}
	c.Character = first([]rune(was), []rune(is), part)
	if c.Character >= 0 {
		c.Then, c.Now = from(was, c.Character), from(is, c.Character)
	}
	decided := then.Refusal != nil && then.Refusal.Refused && reply.Refusal != nil && reply.Refusal.Refused // no tokens on either side
	if c.Tokens = decided || len(then.Tokens) > 0; c.Tokens {
		c.Token = first(then.Tokens, reply.Tokens, part)
	}
	c.Identical = c.Character < 0 && c.Token < 0
	return c
}

// first is the first place at which two rows differ; -1: nowhere. part: the first one may end earlier.
func first[T comparable](then, now []T, part bool) int {
	for i, x := range then {
		if i >= len(now) || now[i] != x {
			return i
		}
	}
	if part || len(now) == len(then) {
		return -1
	}
	return len(then)
}

func from(s string, at int) string {
	rs := []rune(s)
	rs = rs[min(at, len(rs)):]
	return string(rs[:min(shown, len(rs))])
}

// causes lists what is another now. What was not recorded, or was not asked for now, is left out.
func (r Receipt) causes(now Origin) []Cause {
	causes := []Cause{}
	o := r.Origin
	if o == nil {
		return causes
	}
	add := func(what, then, now string) {
		if then != "" && then != "0" && now != "" && now != "0" && then != now {
			causes = append(causes, Cause{what, then, now})
		}
	}
	add("device", o.Device, now.Device)
	add("dtype", o.DType, now.DType)
	add("processor", o.Processor, now.Processor)
	if strings.HasPrefix(now.Device, "cpu") {
		add("threads", strconv.Itoa(o.Threads), strconv.Itoa(now.Threads))
	}
	add("torch", o.Torch, now.Torch)
	add("engine", o.Engine, now.Engine)
	add("side_by_side", strconv.Itoa(o.SideBySide), strconv.Itoa(now.SideBySide))
	add("program", o.Program, now.Program)
	return slices.Clip(causes)
}

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// kills is at how many moments each of the commands is killed; standard where KAKOI_KILLS does not say.
func kills(standard int) int {
	if n, err := strconv.Atoi(os.Getenv("KAKOI_KILLS")); err == nil {
		return n
	}
	return standard
}

// timed runs the program to its end and says how long it took.
func (w *world) timed(args ...string) time.Duration {
	w.t.Helper()
	start := time.Now()
	w.want(0, args...)
	return time.Since(start)
}

// phases of a run that is killed.
const (
	killedEarly = "early" // before it wrote anything: it reads, derives keys, or only starts
	killedMidst = "midst" // while it writes
	killedAfter = "after" // it came to its end before
)

// killer kills runs of a command at moments that cover all of it. Most of a run is its start and the deriving of keys, and its writing can be some milliseconds: every
// second kill is aimed at that.
type killer struct {
	w      *world
	name   string
	takes  time.Duration // a run that is left alone
	writes time.Duration // of it, from when begun says so
	seen   map[string]int
}

// learn runs a command to its end and measures it. begun says whether it has begun to write, by what can be seen of it.
func (w *world) learn(name string, begun func() bool, args ...string) *killer {
	w.t.Helper()
	k := &killer{w: w, name: name, seen: map[string]int{}}
	cmd, wait := w.start(args...)
	start, ended := time.Now(), make(chan result, 1)
	go func() { ended <- wait() }()
	var since time.Time
	for {
		select {
		case r := <-ended:
			if r.code != 0 {
				w.t.Fatalf("%s: exit code %d\n%s%s", name, r.code, r.out, r.err)
			}
			k.takes = time.Since(start)
			if k.writes = time.Since(since); since.IsZero() { // a machine that others use was faster this time: tell fails where no kill falls into the writing
				k.writes = k.takes / 3
			}
			return k
		default:
		}
		if since.IsZero() && begun() {
			since = time.Now()
		}
		if cmd.Process == nil {
			w.t.Fatal(name)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// strike runs the command and kills it at the i-th of n moments; the result is a phase.
func (k *killer) strike(r *rand.Rand, i, n int, begun func() bool, args ...string) string {
	k.w.t.Helper()
	cmd, wait := k.w.start(args...)
	start, ended := time.Now(), make(chan result, 1)
	go func() { ended <- wait() }()
	// Moments in order over the whole run and a little more, each anywhere in its share.
	at := time.Duration((float64(i) + r.Float64()) / float64(n) * 1.1 * float64(k.takes))
	aimed, after := i%2 == 0, time.Duration(0)
	if i > 0 { // the first at once
		after = time.Duration(r.Int64N(int64(k.writes) + 1))
	}
	phase, since := "", time.Time{}
	for phase == "" {
		select {
		case <-ended:
			phase = killedAfter
			continue
		default:
		}
		if since.IsZero() && begun() {
			since = time.Now()
		}
		if aimed && !since.IsZero() && time.Since(since) >= after || !aimed && time.Since(start) >= at {
			if phase = killedEarly; !since.IsZero() {
				phase = killedMidst
			}
			_ = cmd.Process.Kill()
			if r := <-ended; r.code >= 0 { // it ended by itself just before
				phase = killedAfter
			}
			continue
		}
		time.Sleep(50 * time.Microsecond)
	}
	if k.seen[phase]++; aimed && phase == killedAfter { // a busy machine wrote more slowly when it was learned
		k.writes = k.writes * 3 / 4
	}
	return phase
}

// tell says where the kills fell, and fails where they prove nothing.
func (k *killer) tell(t *testing.T, n int) {
	t.Helper()
	t.Logf("%s: takes %v, writes for %v of it; %d kills: %d before it wrote, %d while it wrote, %d after its end", k.name, k.takes.Round(time.Millisecond),
		k.writes.Round(time.Millisecond), n, k.seen[killedEarly], k.seen[killedMidst], k.seen[killedAfter])
	if n < 20 {
		return // at random moments few may fall anywhere
	}
	if k.seen[killedMidst] < n/5 || k.seen[killedEarly] == 0 {
		t.Errorf("%s: the kills do not cover the run: %v", k.name, fmt.Sprint(k.seen))
	}
}

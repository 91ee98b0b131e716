package job

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kakoi/core"
)

func TestLastProgressIsDelivered(t *testing.T) {
	var states []State
	j := NewRunner().Start(t.Context(), Name{Key: "job.test"}, func(_ context.Context, p core.Progress) error {
		for i := range int64(5000) {
			p.Report(core.Update{Stage: "embed", Done: i + 1, Total: 5000})
		}
		return nil
	}, func(s State) { states = append(states, s) })
	if err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(states) == 0 {
		t.Fatal("no progress was delivered")
	}
	last := states[len(states)-1]
	if last.Done != 5000 || !last.Ended {
		t.Errorf("last state is %+v, want the 5000th update, ended", last)
	}
	if len(states) > 50 { // 5000 reports take far less than 5 s
		t.Errorf("%d deliveries of 5000 reports: not sampled", len(states))
	}
}

func TestCancelEndsTheWork(t *testing.T) {
	began := make(chan struct{})
	j := NewRunner().Start(t.Context(), Name{Key: "job.test"}, func(ctx context.Context, _ core.Progress) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}, nil)
	<-began
	j.Cancel()
	if err := j.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

func TestWaitGivesUpWithItsContext(t *testing.T) {
	release := make(chan struct{})
	j := NewRunner().Start(t.Context(), Name{Key: "job.test"}, func(context.Context, core.Progress) error { <-release; return nil }, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	close(release)
	if err := j.Wait(t.Context()); err != nil {
		t.Errorf("the job itself ended with %v", err)
	}
}

func TestOneJobAtATime(t *testing.T) {
	r := NewRunner()
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		j := r.Start(t.Context(), Name{Key: "job.test"}, func(context.Context, core.Progress) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
			return nil
		}, nil)
		wg.Go(func() {
			if err := j.Wait(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d jobs ran side by side", most.Load())
	}
}

func TestWaitingJobCanBeCancelled(t *testing.T) {
	r := NewRunner()
	release, began := make(chan struct{}), make(chan struct{})
	first := r.Start(t.Context(), Name{Key: "job.test"}, func(context.Context, core.Progress) error { close(began); <-release; return nil }, nil)
	<-began
	second := r.Start(t.Context(), Name{Key: "job.test"}, func(context.Context, core.Progress) error { t.Error("cancelled job ran"); return nil }, nil)
	second.Cancel()
	if err := second.Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	close(release)
	if err := first.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTimeLeft(t *testing.T) {
	var p pace
	start := time.Now()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	for i := range int64(11) { // 10 units a second
		p.add(at(float64(i)), i == 0, core.Update{Done: i * 10, Total: 300})
	}
	if got := p.left(at(10), core.Update{Done: 100, Total: 300}); got != 20*time.Second {
		t.Errorf("time left is %v, want 20s", got)
	}
	if got := p.left(at(10), core.Update{Done: 100}); got != 0 {
		t.Errorf("time left without a total is %v, want 0", got)
	}
	p.add(at(12), true, core.Update{})
	if got := p.left(at(12), core.Update{Done: 0, Total: 300}); got != 0 {
		t.Errorf("time left at the start of a stage is %v, want 0", got)
	}
}

// TestTimeLeftOfPortions: work that comes in portions of 128 every 6 s, with reports of other things in between, is told within 15%
// from the first portion on, at every moment.
func TestTimeLeftOfPortions(t *testing.T) {
	const portion, every, total = 128, 6.0, 128 * 12
	var p pace
	start := time.Now()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	u := core.Update{Total: total}
	p.add(at(0), true, u)
	for s := 0.5; s < 12*every-1; s += 0.5 {
		u.Done = int64(s/every) * portion
		p.add(at(s), false, u)
		if s < every {
			continue
		}
		got, want := p.left(at(s), u).Seconds(), 12*every-s
		if got < want*0.85-0.5 || got > want*1.15+0.5 {
			t.Errorf("after %.1f s %.1f s are left, told are %.1f", s, want, got)
		}
	}
}

// TestTimeLeftBesideChangingLoad: another program takes half of the machine for ten seconds of every twenty. What is told is near what
// is then needed, although the pace of the moment is off by half.
func TestTimeLeftBesideChangingLoad(t *testing.T) {
	const total = 3000
	type reading struct{ at, left float64 }
	var p pace
	start := time.Now()
	var told []reading
	done, end := 0.0, 0.0
	for s := 0.0; done < total; s += 0.5 {
		rate := 20.0
		if int(s/10)%2 == 1 {
			rate = 10
		}
		done += rate / 2
		end = s + 0.5
		at := start.Add(time.Duration(end * float64(time.Second)))
		u := core.Update{Done: int64(done), Total: total}
		p.add(at, s == 0, u)
		if left := p.left(at, u); left > 0 {
			told = append(told, reading{end, left.Seconds()})
		}
	}
	within, after := 0, 0
	for _, r := range told {
		if needed := end - r.at; r.at > 0.1*end {
			after++
			if math.Abs(r.left-needed) <= max(0.15*needed, 1) {
				within++
			}
		}
	}
	if share := float64(within) / float64(after); share < 0.75 {
		t.Errorf("%d of %d readings are within 15%%", within, after)
	}
}

// TestPaceForgets: a job of days keeps few points, and its first.
func TestPaceForgets(t *testing.T) {
	var p pace
	start := time.Now()
	for i := range int64(100_000) {
		p.add(start.Add(time.Duration(i)*time.Second), i == 0, core.Update{Done: i, Total: 200_000})
	}
	if len(p.points) > mostPoints || !p.points[0].at.Equal(start) {
		t.Errorf("%d points, the first at %v", len(p.points), p.points[0].at.Sub(start))
	}
	now := start.Add(99_999 * time.Second)
	if got := p.left(now, core.Update{Done: 99_999, Total: 200_000}); (got - 100_001*time.Second).Abs() > time.Minute {
		t.Errorf("time left is %v, want about 100001s", got)
	}
}

// TestWatch sees every Job from its start to its end, waiting ones too.
func TestWatch(t *testing.T) {
	r := NewRunner()
	var mu sync.Mutex
	most, last := 0, -1
	stop := r.Watch(func(jobs []*Job) {
		mu.Lock()
		defer mu.Unlock()
		most, last = max(most, len(jobs)), len(jobs)
	})
	release := make(chan struct{})
	work := func(context.Context, core.Progress) error { <-release; return nil }
	one := r.Start(t.Context(), Name{"job.add", "a"}, work, nil)
	two := r.Start(t.Context(), Name{"job.add", "b"}, work, nil)
	if running := r.Running(); len(running) != 2 || running[0].Name.Note != "a" || running[1].Name.Note != "b" {
		t.Errorf("running %v", running)
	}
	close(release)
	for _, j := range []*Job{one, two} {
		if err := j.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	if most != 2 || last != 0 {
		t.Errorf("watched at most %d jobs, %d at the end", most, last)
	}
	mu.Unlock()
	stop()
	if err := r.Start(t.Context(), Name{}, func(context.Context, core.Progress) error { return nil }, nil).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last != 0 || len(r.Running()) != 0 {
		t.Errorf("a stopped watcher heard of %d jobs", last)
	}
}

// TestWatchHearsTheEndLast: a watcher that is slow to hear of one state does not keep it for the last.
func TestWatchHearsTheEndLast(t *testing.T) {
	r := NewRunner()
	var mu sync.Mutex
	var heard []int
	defer r.Watch(func(jobs []*Job) {
		if len(jobs) == 1 {
			time.Sleep(100 * time.Millisecond) // the second Job ends meanwhile
		}
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, len(jobs))
	})()
	release := make(chan struct{})
	work := func(context.Context, core.Progress) error { <-release; return nil }
	one, two := r.Start(t.Context(), Name{}, work, nil), r.Start(t.Context(), Name{}, work, nil)
	close(release)
	if err := errors.Join(one.Wait(t.Context()), two.Wait(t.Context())); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if last := heard[len(heard)-1]; last != 0 {
		t.Errorf("heard of %v jobs, the last time of %d", heard, last)
	}
}

// TestBehind: who waits for a turn hears which job has it, and none that waits, too; who has the turn waits for nobody.
func TestBehind(t *testing.T) {
	r := NewRunner()
	release := make(chan struct{})
	work := func(context.Context, core.Progress) error { <-release; return nil }
	one := r.Start(t.Context(), Name{"job.add", "docs"}, work, nil)
	for one.State().Elapsed == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan State, 100)
	var waiting []*Job
	for range 3 {
		waiting = append(waiting, r.Start(ctx, Name{"job.backup", "b"}, work, func(s State) { heard <- s }))
	}
	if s := <-heard; s.Stage != "wait" || s.Behind != (Name{"job.add", "docs"}) {
		t.Errorf("waits behind %+v", s)
	}
	if s := one.State(); s.Behind != (Name{}) {
		t.Errorf("the first waits behind %+v", s.Behind)
	}
	cancel()
	for _, j := range waiting {
		if err := j.Wait(t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("a job that was cancelled while it waited: %v", err)
		}
	}
	close(release)
	if err := one.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

package job

import (
	"context"
	"slices"
	"sync"
	"time"

	"kakoi/core"
)

// sampleEvery is how often a listener hears of progress: 10 Hz.
const sampleEvery = 100 * time.Millisecond

// stageWait is the stage of a Job before its turn.
const stageWait = "wait"

// State is how far a Job has come.
type State struct {
	core.Update
	Elapsed time.Duration // since the work began; waiting for a turn does not count
	Left    time.Duration // estimate for this stage; 0 when unknown
	Ended   bool          // the last State of a Job
	Behind  Name          // the Job that has the turn while this one waits for it (Stage "wait"); zero otherwise
}

// Work is what a Job does. It reports as often as it likes.
type Work func(ctx context.Context, p core.Progress) error

// Name says what a Job does, for whoever watches all of them: a key of the translations ("job.add") and what it is done to.
type Name struct {
	Key  string
	Note string // a file's or model's name; may be empty
}

// Runner starts Jobs, one at a time.
type Runner struct {
	turn chan struct{}

	mu       sync.Mutex
	running  []*Job // in the order of their start, waiting ones included
	watchers []*watcher

	telling sync.Mutex // watchers hear of one state after the other: the last one heard is the last there was
}

type watcher struct{ hear func([]*Job) }

// Watch calls hear with all Jobs that run or wait whenever one begins, moves on or ends, until stop. It is called from the
// goroutines of the Jobs, one at a time, at most ten times a second for each; it must return soon, and start no Job.
func (r *Runner) Watch(hear func([]*Job)) (stop func()) {
	w := &watcher{hear}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers = append(r.watchers, w)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.watchers = slices.DeleteFunc(slices.Clone(r.watchers), func(other *watcher) bool { return other == w })
	}
}

// Running are all Jobs that run or wait, oldest first.
func (r *Runner) Running() []*Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.running)
}

// tell gives the watchers what runs now.
func (r *Runner) tell() {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	running, watchers := slices.Clone(r.running), r.watchers
	r.mu.Unlock()
	for _, w := range watchers {
		w.hear(running)
	}
}

func (r *Runner) enter(j *Job) {
	r.mu.Lock()
	r.running = append(r.running, j)
	r.mu.Unlock()
	r.tell()
}

func (r *Runner) leave(j *Job) {
	r.mu.Lock()
	r.running = slices.DeleteFunc(slices.Clone(r.running), func(other *Job) bool { return other == j })
	r.mu.Unlock()
	r.tell()
}

// NewRunner returns a Runner without Jobs.
func NewRunner() *Runner { return &Runner{turn: make(chan struct{}, 1)} }

// Job is one piece of running work.
type Job struct {
	Name   Name
	runner *Runner
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done closes

	mu      sync.Mutex
	update  core.Update
	changed bool
	began   time.Time // zero while waiting for a turn
	pace    pace
}

// Start runs work as soon as the Jobs started before it have ended. listen (nil is allowed) is called from one goroutine,
// at most ten times a second when something changed, once a second otherwise (the time left goes on), and once at the end with
// Ended set.
func (r *Runner) Start(ctx context.Context, name Name, work Work, listen func(State)) *Job {
	ctx, cancel := context.WithCancel(ctx)
	j := &Job{Name: name, runner: r, cancel: cancel, done: make(chan struct{})}
	r.enter(j)
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx, j, work) }()
	go j.sample(ended, listen)
	return j
}

func (r *Runner) run(ctx context.Context, j *Job, work Work) error {
	select {
	case r.turn <- struct{}{}:
	default:
		j.report(core.Update{Stage: stageWait})
		select {
		case r.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-r.turn }()
	j.mu.Lock()
	j.began = time.Now()
	j.mu.Unlock()
	return work(ctx, j.report)
}

func (j *Job) report(u core.Update) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pace.add(time.Now(), j.update.Stage != u.Stage, u)
	j.update, j.changed = u, true
}

// sample delivers progress until the work has ended.
func (j *Job) sample(ended <-chan error, listen func(State)) {
	defer close(j.done)
	defer j.runner.leave(j)
	defer j.cancel()
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	quiet := 0 // ticks without a change
	for {
		select {
		case j.err = <-ended:
			if listen != nil {
				s := j.State()
				s.Ended, s.Left = true, 0
				listen(s)
			}
			return
		case <-tick.C:
			j.mu.Lock()
			changed := j.changed
			j.changed = false
			j.mu.Unlock()
			if quiet++; !changed && quiet < int(time.Second/sampleEvery) {
				continue
			}
			quiet = 0
			if listen != nil {
				listen(j.State())
			}
			j.runner.tell()
		}
	}
}

// State is how far the Job has come now.
func (j *Job) State() State {
	j.mu.Lock()
	s := State{Update: j.update, Left: j.pace.left(time.Now(), j.update)}
	waits := j.began.IsZero()
	if !waits {
		s.Elapsed = time.Since(j.began)
	}
	j.mu.Unlock()
	if waits && s.Stage == stageWait { // of no two Jobs both are held
		s.Behind = j.runner.atWork()
	}
	return s
}

// atWork is the Job that has the turn.
func (r *Runner) atWork() Name {
	for _, other := range r.Running() {
		other.mu.Lock()
		works := !other.began.IsZero()
		other.mu.Unlock()
		if works {
			return other.Name
		}
	}
	return Name{}
}

// Cancel asks the Job to end. It returns at once.
func (j *Job) Cancel() { j.cancel() }

// Wait returns the work's error once it has ended and its last progress was delivered. When ctx ends first, the Job goes
// on and the error is that of ctx.
func (j *Job) Wait(ctx context.Context) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

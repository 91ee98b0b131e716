package job

import (
	"time"

	"kakoi/core"
)

// pace remembers the progress of one stage: enough to say how long the rest takes. What other programs take from the machine comes
// and goes: how fast it went a moment ago says how the next moments will be, and how fast it went all the while what comes later.
type pace struct {
	points []point   // oldest first, at least paceSpacing apart; the first is the stage's first
	moved  time.Time // when Done last grew: work that is reported in portions goes on between the reports
	done   int64
}

type point struct {
	at   time.Time
	done int64
}

const (
	paceSpacing = time.Second
	// recent is what counts as a moment ago, soon how long it is expected to go on like that. Of 5, 10, 20 and 40 s for soon, and 10 and
	// 20 s for recent, these were nearest to what was then needed, over adds of 300 pages beside changing load.
	recent = 10 * time.Second
	soon   = 20 * time.Second
	// mostPoints bounds the memory: older ones but the first are dropped.
	mostPoints = 64
)

func (p *pace) add(now time.Time, newStage bool, u core.Update) {
	if newStage {
		p.points = p.points[:0]
	}
	if newStage || u.Done != p.done {
		p.moved, p.done = now, u.Done
	}
	if n := len(p.points); n == 0 || u.Done != p.points[n-1].done && now.Sub(p.points[n-1].at) >= paceSpacing {
		p.points = append(p.points, point{now, u.Done})
	}
	if len(p.points) > mostPoints {
		p.points = append(p.points[:1], p.points[2:]...)
	}
}

// left is the time for the rest, less what has passed since the last portion was done; 0 when there is too little to go by.
func (p *pace) left(now time.Time, u core.Update) time.Duration {
	if u.Total <= 0 || len(p.points) < 2 || u.Done >= u.Total {
		return 0
	}
	last := p.points[len(p.points)-1]
	from := len(p.points) - 2
	for from > 0 && last.at.Sub(p.points[from-1].at) <= recent {
		from--
	}
	all, lately := speed(p.points[0], last), speed(p.points[from], last)
	if all <= 0 || lately <= 0 {
		return 0
	}
	left := float64(u.Total-u.Done) / lately // seconds
	if s := soon.Seconds(); left > s {
		left = s + (float64(u.Total-u.Done)-s*lately)/all
	}
	if left > (1000 * time.Hour).Seconds() {
		return 0
	}
	return max(time.Second, time.Duration(left*float64(time.Second))-now.Sub(p.moved))
}

// speed is units a second between two points; 0 when there is none.
func speed(from, to point) float64 {
	spent := to.at.Sub(from.at).Seconds()
	if spent <= 0 || to.done <= from.done {
		return 0
	}
	return float64(to.done-from.done) / spent
}

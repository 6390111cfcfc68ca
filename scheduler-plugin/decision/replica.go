package decision

import (
	"sync"
	"time"
)

const (
	// A replica whose calls fail this often in a row is left alone: at 200 ms each it is out well within a second.
	failureThreshold = 3
	firstPause       = 500 * time.Millisecond
	longestPause     = 30 * time.Second
	trialInterval    = time.Second
	// A replica that has worked for so long is forgiven its past.
	forgivenAfter = 30 * time.Second
)

// replica is one address of the service with its circuit breaker. While the breaker is open no pod waits for it; trials
// run in the background. The pause before the first trial doubles with each relapse, so that a replica which only looks
// well (it passes the trial and fails real calls) costs ever less.
type replica struct {
	url string

	mu       sync.Mutex
	open     bool
	inARow   int
	pause    time.Duration
	closedAt time.Time
	trialAt  time.Time
}

func (r *replica) isOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// succeeded reports whether this closed the breaker. Only a trial closes it: a late answer to an old call says little.
func (r *replica) succeeded(now time.Time, isTrial bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open && !isTrial {
		return false
	}
	hasClosed := r.open
	if hasClosed {
		r.closedAt = now
	} else if now.Sub(r.closedAt) > forgivenAfter {
		r.pause = 0
	}
	r.open, r.inARow = false, 0
	return hasClosed
}

// failed reports whether this opened the breaker; weight says for how many failures it counts.
func (r *replica) failed(now time.Time, weight int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open {
		return false
	}
	if r.inARow += weight; r.inARow < failureThreshold {
		return false
	}
	r.open = true
	r.pause = min(max(2*r.pause, firstPause), longestPause)
	r.trialAt = now.Add(r.pause)
	return true
}

// trialDue claims the next trial when its time has come.
func (r *replica) trialDue(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open && !now.Before(r.trialAt)
}

func (r *replica) trialFailed(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trialAt = now.Add(trialInterval)
}

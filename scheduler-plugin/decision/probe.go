package decision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Run watches the replicas until the context ends: it opens the breaker of one that is gone before a pod meets it, and
// tries those that were left alone. It also takes up changed certificates.
func (c *Client) Run(ctx context.Context) {
	ticker := time.NewTicker(c.options.ProbeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := c.transport.reload(); err != nil {
				c.options.Observer.Trouble("new certificates are not usable, the old ones stay in use", err)
			}
			var all sync.WaitGroup
			for _, replica := range c.replicas {
				all.Go(func() { c.probe(ctx, replica) })
			}
			all.Wait()
		}
	}
}

func (c *Client) probe(ctx context.Context, replica *replica) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	if replica.isOpen() {
		if replica.trialDue(time.Now()) {
			c.trial(ctx, replica)
		}
		return
	}
	err := c.ready(ctx, replica)
	if err == nil || errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	weight := 1
	if isWorthRetrying(err) {
		// Refused, or said to be not ready: no need to let pods find out.
		weight = failureThreshold
	}
	c.fail(replica, err, weight)
}

func (c *Client) ready(ctx context.Context, replica *replica) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, replica.url+"/readyz", nil)
	if err != nil {
		return err
	}
	_, err = c.send(request, smallestAnswer)
	return err
}

// trial walks the path that a pod would take, with no node to be scored: /readyz alone would close the breaker of a
// service that is up and answers nonsense.
func (c *Client) trial(ctx context.Context, replica *replica) {
	start := time.Now()
	err := c.ready(ctx, replica)
	if err == nil {
		err = c.askNothing(ctx, replica)
	}
	if took := time.Since(start); err == nil && took > 2*c.options.SlowCall {
		err = fmt.Errorf("took %v", took)
	}
	if err != nil {
		replica.trialFailed(time.Now())
		return
	}
	if replica.succeeded(time.Now(), true) {
		c.options.Observer.BreakerChanged(replica.url, false, nil)
	}
}

func (c *Client) askNothing(ctx context.Context, replica *replica) error {
	pod := &Pod{Namespace: "mlsched", Name: "trial", UID: "trial", Labels: map[string]string{}}
	body, err := json.Marshal(scoreRequest{schemaVersion, pod, []string{}, []Requested{}, c.options.Timeout.Milliseconds()})
	if err != nil {
		return err
	}
	return c.post(ctx, replica.url+"/v1/score", body, question{read: func(body []byte) error {
		var answer ScoreAnswer
		if err := parse(body, &answer); err != nil {
			return err
		}
		return answer.check(0)
	}})
}

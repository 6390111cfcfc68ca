package decision

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	smallestAnswer = 64 << 10
	bytesPerNode   = 256
	// Retried at most so often, and only when the first try failed early enough.
	mostAttempts = 3
)

// ErrOpen says that no replica is worth asking; it costs the caller nothing.
var ErrOpen = failure{"breaker-open", errors.New("every replica's circuit breaker is open")}

// Observer is told what happens, to count and to log it. Its methods must not block.
type Observer interface {
	// Called reports one HTTP call; outcome is "ok" or why it failed.
	Called(endpoint, outcome string, took time.Duration)
	// BreakerChanged reports that calls to a replica stop or are taken up again.
	BreakerChanged(replica string, isOpen bool, why error)
	// Events reports what became of reports: "sent", "dropped" (queue full, nobody there) or "failed".
	Events(outcome string, count int)
	// Trouble reports what needs a person but stops nothing.
	Trouble(what string, err error)
}

// Options of a client. Times are above 0.
type Options struct {
	// URLs of the replicas; the first that works is used.
	URLs []string
	// Timeout is the most that one decision may wait, over all attempts.
	Timeout time.Duration
	// SlowCall counts as a failure for the breaker although its answer is used: a scheduler that places one pod
	// after the other cannot afford a service which is slow for long.
	SlowCall      time.Duration
	ProbeInterval time.Duration
	TLS           TLSFiles
	Observer      Observer
}

// Client asks the decision service. Safe for concurrent use.
type Client struct {
	options   Options
	replicas  []*replica
	preferred atomic.Int32
	transport *transport
}

// NewClient reads the certificates once, so that a wrong path is found at start; Run must be running for breakers to close again.
func NewClient(options Options) (*Client, error) {
	transport, err := newTransport(options.TLS)
	if err != nil {
		return nil, err
	}
	client := &Client{options: options, transport: transport}
	for _, url := range options.URLs {
		client.replicas = append(client.replicas, &replica{url: url})
		options.Observer.BreakerChanged(url, false, nil)
	}
	return client, nil
}

// Score asks for one score per node. Every error means: place this pod as stock does.
func (c *Client) Score(ctx context.Context, pod *Pod, nodes []string, requested []Requested) (*ScoreAnswer, error) {
	var answer ScoreAnswer
	budget := c.attemptBudget()
	request := scoreRequest{schemaVersion, pod, nodes, requested, budget.Milliseconds()}
	err := c.ask(ctx, question{"/v1/score", request, budget, len(nodes), func(body []byte) error {
		answer = ScoreAnswer{}
		if err := parse(body, &answer); err != nil {
			return err
		}
		return answer.check(len(nodes))
	}})
	return &answer, err
}

// Filter asks which nodes to leave out. Every error means: none.
func (c *Client) Filter(ctx context.Context, pod *Pod, nodes int) (*FilterAnswer, error) {
	var answer FilterAnswer
	budget := c.attemptBudget()
	request := filterRequest{schemaVersion, pod, budget.Milliseconds()}
	err := c.ask(ctx, question{"/v1/filter", request, budget, nodes, func(body []byte) error {
		answer = FilterAnswer{}
		if err := parse(body, &answer); err != nil {
			return err
		}
		return answer.header.check()
	}})
	return &answer, err
}

// IsOpen tells that no replica would be asked now.
func (c *Client) IsOpen() bool { return len(c.closed()) == 0 }

type question struct {
	endpoint string
	request  any
	budget   time.Duration
	nodes    int
	read     func(body []byte) error
}

// attemptBudget leaves room for a second attempt where there is another replica to try.
func (c *Client) attemptBudget() time.Duration {
	if len(c.closed()) > 1 {
		return c.options.Timeout / 2
	}
	return c.options.Timeout
}

func (c *Client) closed() []*replica {
	first := int(c.preferred.Load())
	var closed []*replica
	for at := range c.replicas {
		if replica := c.replicas[(first+at)%len(c.replicas)]; !replica.isOpen() {
			closed = append(closed, replica)
		}
	}
	return closed
}

func (c *Client) ask(ctx context.Context, asked question) error {
	body, err := json.Marshal(asked.request)
	if err != nil {
		return failure{"encode", err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	err = ErrOpen
	candidates := c.closed()
	for attempt := 0; attempt < mostAttempts && len(candidates) > 0; attempt++ {
		at := attempt % len(candidates)
		if err = c.try(ctx, candidates[at], asked, body); err == nil {
			c.prefer(candidates[at])
			return nil
		}
		// One address can stand for several replicas: what failed at once (refused, reset, 5xx) is worth asking again.
		if ctx.Err() != nil || len(candidates) == 1 && !isWorthRetrying(err) {
			return err
		}
	}
	return err
}

func isWorthRetrying(err error) bool {
	reason := Reason(err)
	return reason == "connection" || reason == "status"
}

func (c *Client) prefer(replica *replica) {
	for at := range c.replicas {
		if c.replicas[at] == replica {
			c.preferred.Store(int32(at))
		}
	}
}

// try makes one call and lets the breaker learn from it.
func (c *Client) try(ctx context.Context, replica *replica, asked question, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, asked.budget)
	defer cancel()
	start := time.Now()
	err := c.post(ctx, replica.url+asked.endpoint, body, asked)
	took := time.Since(start)
	c.options.Observer.Called(asked.endpoint, Reason(err), took)
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		// The scheduler gave up; that says nothing about the service.
	case err != nil:
		c.fail(replica, err, 1)
	case took > c.options.SlowCall:
		c.fail(replica, fmt.Errorf("took %v", took.Round(time.Millisecond)), 1)
	default:
		replica.succeeded(time.Now(), false)
	}
	return err
}

func (c *Client) fail(replica *replica, why error, weight int) {
	if replica.failed(time.Now(), weight) {
		c.options.Observer.BreakerChanged(replica.url, true, why)
	}
}

func (c *Client) post(ctx context.Context, url string, body []byte, asked question) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return failure{"encode", err}
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.send(request, smallestAnswer+bytesPerNode*asked.nodes)
	if err != nil {
		return err
	}
	return asked.read(answer)
}

// send returns the body of a 2xx answer of at most limit bytes.
func (c *Client) send(request *http.Request, limit int) ([]byte, error) {
	response, err := c.transport.client().Do(request)
	if err != nil {
		return nil, failure{connectionReason(err), err}
	}
	// A body that is read to its end leaves the connection open for the next call; one that is too long is cut off.
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err != nil {
		return nil, failure{connectionReason(err), err}
	}
	if len(body) > limit {
		return nil, failure{"too-large", fmt.Errorf("answer is longer than %d bytes", limit)}
	}
	if response.StatusCode/100 != 2 {
		return nil, failure{"status", fmt.Errorf("HTTP status %d", response.StatusCode)}
	}
	return body, nil
}

func connectionReason(err error) string {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	return "connection"
}

// Reason is the label under which an error is counted; "ok" for none.
func Reason(err error) string {
	var known failure
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &known):
		return known.reason
	default:
		return "other"
	}
}

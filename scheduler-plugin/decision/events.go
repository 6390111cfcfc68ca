package decision

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	queueLength   = 8192
	largestBatch  = 256
	batchInterval = 100 * time.Millisecond
	eventTimeout  = 2 * time.Second
)

// Event reports what became of a pod: the service counts what is on its way to a node, and learns what was chosen.
type Event struct {
	Type       string `json:"type"` // reserved, unreserved or bound
	DecisionID string `json:"decisionId"`
	PodUID     string `json:"podUid"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	Node       string `json:"node"`
	AtMs       int64  `json:"atMs"`
}

type eventRequest struct {
	SchemaVersion int     `json:"schemaVersion"`
	Events        []Event `json:"events"`
}

// Reporter sends events in batches behind the scheduler's back. A full queue drops and counts: the service's own
// watch of pods makes up for it.
type Reporter struct {
	client *Client
	queue  chan Event
}

// NewReporter needs Run to be running for anything to be sent.
func NewReporter(client *Client) *Reporter {
	return &Reporter{client: client, queue: make(chan Event, queueLength)}
}

// Report never blocks.
func (r *Reporter) Report(event Event) {
	select {
	case r.queue <- event:
	default:
		r.client.options.Observer.Events("dropped", 1)
	}
}

// Run sends until the context ends, and then once more what is left.
func (r *Reporter) Run(ctx context.Context) {
	ticker := time.NewTicker(batchInterval)
	defer ticker.Stop()
	batch := make([]Event, 0, largestBatch)
	for {
		isOver := false
		select {
		case event := <-r.queue:
			if batch = append(batch, event); len(batch) < largestBatch {
				continue
			}
		case <-ticker.C:
		case <-ctx.Done():
			isOver = true
		}
		for isOver && len(r.queue) > 0 && len(batch) < queueLength {
			batch = append(batch, <-r.queue)
		}
		if len(batch) > 0 {
			r.send(batch)
			batch = batch[:0]
		}
		if isOver {
			return
		}
	}
}

// send tells every replica: each keeps its own count of what is on its way to the nodes.
func (r *Reporter) send(batch []Event) {
	observer := r.client.options.Observer
	body, err := json.Marshal(eventRequest{schemaVersion, batch})
	replicas := r.client.closed()
	if err != nil || len(replicas) == 0 {
		observer.Events("dropped", len(batch))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), eventTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, replica := range replicas {
		all.Go(func() {
			outcome := "sent"
			if err := r.post(ctx, replica, body); err != nil {
				outcome = "failed"
			}
			observer.Events(outcome, len(batch))
		})
	}
	all.Wait()
}

func (r *Reporter) post(ctx context.Context, replica *replica, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, replica.url+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	start := time.Now()
	_, err = r.client.send(request, smallestAnswer)
	r.client.options.Observer.Called("/v1/events", Reason(err), time.Since(start))
	return err
}

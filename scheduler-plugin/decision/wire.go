// Package decision speaks with the decision service: it knows the wire format, the replicas and when to leave them
// alone. It depends on nothing but the standard library, and has no opinion on scheduling.
package decision

import (
	"encoding/json"
	"fmt"
)

const (
	schemaVersion = 1
	// Unknown is the score of a node about which the service has nothing to say.
	Unknown = -1
	// MaxScore is the best score; 0 is the worst.
	MaxScore = 100
)

// Pod is what the service is told of the pod to be placed. 0 of a request or limit means that it is not set.
type Pod struct {
	Namespace            string            `json:"namespace"`
	Name                 string            `json:"name"`
	UID                  string            `json:"uid"`
	SchedulerName        string            `json:"schedulerName"`
	OwnerKind            string            `json:"ownerKind"`
	OwnerName            string            `json:"ownerName"`
	OwnerUID             string            `json:"ownerUid"`
	Labels               map[string]string `json:"labels"`
	Priority             int32             `json:"priority"`
	PriorityClass        string            `json:"priorityClass"`
	CPURequestMillicores int64             `json:"cpuRequestMillicores"`
	CPULimitMillicores   int64             `json:"cpuLimitMillicores"`
	MemoryRequestBytes   int64             `json:"memoryRequestBytes"`
	MemoryLimitBytes     int64             `json:"memoryLimitBytes"`
	IsDaemon             bool              `json:"isDaemon"`
}

// Requested is what the pods of a node request in sum, those included that the scheduler has placed but not bound yet.
type Requested [3]int64 // CPU millicores, memory bytes, pods

type scoreRequest struct {
	SchemaVersion int         `json:"schemaVersion"`
	Pod           *Pod        `json:"pod"`
	Nodes         []string    `json:"nodes"`
	Requested     []Requested `json:"requested"`
	BudgetMs      int64       `json:"budgetMs"`
}

type filterRequest struct {
	SchemaVersion int   `json:"schemaVersion"`
	Pod           *Pod  `json:"pod"`
	BudgetMs      int64 `json:"budgetMs"`
}

type header struct {
	SchemaVersion int    `json:"schemaVersion"`
	Outcome       string `json:"outcome"`
	Reason        string `json:"reason"`
}

// ScoreAnswer is a checked answer: either abstained, or one score of -1..100 for each node asked about.
type ScoreAnswer struct {
	header
	DecisionID string `json:"decisionId"`
	Scores     []int  `json:"scores"`
}

// FilterAnswer is a checked answer: either abstained, or the nodes to leave out.
type FilterAnswer struct {
	header
	Rejected []string          `json:"rejected"`
	Reasons  map[string]string `json:"reasons"`
}

// Abstained tells that the service left the decision to stock.
func (h header) Abstained() bool { return h.Outcome == "abstained" }

func (h header) check() error {
	if h.SchemaVersion != schemaVersion {
		return failure{"schema", fmt.Errorf("answer has schemaVersion %d, want %d", h.SchemaVersion, schemaVersion)}
	}
	if h.Outcome != "scored" && h.Outcome != "filtered" && !h.Abstained() {
		return failure{"schema", fmt.Errorf("answer has outcome %q", h.Outcome)}
	}
	return nil
}

func (a *ScoreAnswer) check(nodes int) error {
	if err := a.header.check(); err != nil || a.Abstained() {
		return err
	}
	if len(a.Scores) != nodes {
		return failure{"length", fmt.Errorf("answer has %d scores for %d nodes", len(a.Scores), nodes)}
	}
	for at, score := range a.Scores {
		if score < Unknown || score > MaxScore {
			return failure{"range", fmt.Errorf("score %d of node %d is outside -1..%d", score, at, MaxScore)}
		}
	}
	return nil
}

func parse(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return failure{"garbage", fmt.Errorf("answer is not as agreed: %w", err)}
	}
	return nil
}

// failure is an error with the label under which it is counted.
type failure struct {
	reason string
	err    error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

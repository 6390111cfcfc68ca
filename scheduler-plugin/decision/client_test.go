package decision

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// recorder is an observer that keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	outcomes map[string]int
	events   map[string]int
	opened   int
	closed   int
	troubles int
}

func newRecorder() *recorder {
	return &recorder{outcomes: map[string]int{}, events: map[string]int{}, closed: 0}
}

func (r *recorder) Called(endpoint, outcome string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[endpoint+" "+outcome]++
}

func (r *recorder) BreakerChanged(_ string, isOpen bool, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if isOpen {
		r.opened++
	} else {
		r.closed++
	}
}

func (r *recorder) Events(outcome string, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[outcome] += count
}

func (r *recorder) Trouble(string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.troubles++
}

func (r *recorder) event(outcome string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[outcome]
}

// serve answers every path by the handler, and is closed with the test even when a handler hangs.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

func answer(text string) http.HandlerFunc {
	return func(writer http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(writer, text) }
}

// scoring is a service in order: score 50 for every node.
func scoring(writer http.ResponseWriter, request *http.Request) {
	var asked scoreRequest
	_ = json.NewDecoder(request.Body).Decode(&asked)
	scores := make([]int, len(asked.Nodes))
	for at := range scores {
		scores[at] = 50
	}
	_ = json.NewEncoder(writer).Encode(map[string]any{
		"schemaVersion": 1, "outcome": "scored", "decisionId": "d1", "scores": scores,
	})
}

// hang holds a call until the client gives up, which the server only sees once it has read the body.
func hang(_ http.ResponseWriter, request *http.Request) {
	_, _ = io.Copy(io.Discard, request.Body)
	<-request.Context().Done()
}

func newTestClient(t *testing.T, urls ...string) (*Client, *recorder) {
	t.Helper()
	observer := newRecorder()
	client, err := NewClient(Options{
		URLs: urls, Timeout: 400 * time.Millisecond, SlowCall: 300 * time.Millisecond,
		ProbeInterval: 10 * time.Millisecond, Observer: observer,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, observer
}

func run(t *testing.T, loop func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { loop(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

var (
	twoNodes     = []string{"a", "b"}
	twoRequested = []Requested{{1, 2, 3}, {4, 5, 6}}
)

func score(client *Client) (*ScoreAnswer, error) {
	return client.Score(context.Background(), &Pod{Name: "p"}, twoNodes, twoRequested)
}

func TestScoreSendsTheAgreedRequestAndReadsTheAnswer(t *testing.T) {
	var body string
	server := serve(t, func(writer http.ResponseWriter, request *http.Request) {
		raw, _ := io.ReadAll(request.Body)
		body = request.Method + " " + request.URL.Path + " " + string(raw)
		answer(`{"schemaVersion":1,"decisionId":"d7","outcome":"scored","scores":[100,-1],"new":true}`)(writer, request)
	})
	client, _ := newTestClient(t, server.URL)
	got, err := score(client)
	if err != nil || got.DecisionID != "d7" || got.Scores[0] != 100 || got.Scores[1] != Unknown {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := `POST /v1/score {"schemaVersion":1,"pod":{"namespace":"","name":"p","uid":"","schedulerName":"","ownerKind":"",` +
		`"ownerName":"","ownerUid":"","labels":null,"priority":0,"priorityClass":"","cpuRequestMillicores":0,` +
		`"cpuLimitMillicores":0,"memoryRequestBytes":0,"memoryLimitBytes":0,"isDaemon":false},` +
		`"nodes":["a","b"],"requested":[[1,2,3],[4,5,6]],"budgetMs":400}`
	if body != want {
		t.Fatalf("sent\n%s\nwant\n%s", body, want)
	}
}

func TestScoreTakesEveryFaultForNoAnswer(t *testing.T) {
	huge := `{"schemaVersion":1,"outcome":"scored","scores":[1,2],"padding":"` + strings.Repeat("x", smallestAnswer*2) + `"}`
	for _, test := range []struct{ name, reason, text string }{
		{"garbage", "garbage", "\x00\xff no JSON"},
		{"empty body", "garbage", ""},
		{"cut off", "garbage", `{"schemaVersion":1,"outcome":"scored","scores":[1`},
		{"a list", "garbage", `[]`},
		{"fractions", "garbage", `{"schemaVersion":1,"outcome":"scored","scores":[1.5,2]}`},
		{"no version", "schema", `{"outcome":"scored","scores":[1,2]}`},
		{"later version", "schema", `{"schemaVersion":2,"outcome":"scored","scores":[1,2]}`},
		{"unknown outcome", "schema", `{"schemaVersion":1,"outcome":"maybe","scores":[1,2]}`},
		{"too few scores", "length", `{"schemaVersion":1,"outcome":"scored","scores":[1]}`},
		{"too many scores", "length", `{"schemaVersion":1,"outcome":"scored","scores":[1,2,3]}`},
		{"no scores", "length", `{"schemaVersion":1,"outcome":"scored"}`},
		{"huge score", "range", `{"schemaVersion":1,"outcome":"scored","scores":[1,101]}`},
		{"below unknown", "range", `{"schemaVersion":1,"outcome":"scored","scores":[1,-2]}`},
		{"huge body", "too-large", huge},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, _ := newTestClient(t, serve(t, answer(test.text)).URL)
			if _, err := score(client); Reason(err) != test.reason {
				t.Fatalf("got %v (%s), want reason %s", err, Reason(err), test.reason)
			}
		})
	}
}

func TestScoreTakesHTTPFaultsForNoAnswer(t *testing.T) {
	refused := httptest.NewServer(http.HandlerFunc(scoring))
	refused.Close()
	for name, test := range map[string]struct {
		url    string
		reason string
	}{
		"status 500": {serve(t, func(writer http.ResponseWriter, _ *http.Request) { writer.WriteHeader(500) }).URL, "status"},
		"redirect": {serve(t, func(writer http.ResponseWriter, request *http.Request) {
			http.Redirect(writer, request, "/elsewhere", http.StatusTemporaryRedirect)
		}).URL, "connection"},
		"hangs":   {serve(t, hang).URL, "timeout"},
		"refused": {refused.URL, "connection"},
		"cut off": {serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).URL, "connection"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := newTestClient(t, test.url)
			if _, err := score(client); Reason(err) != test.reason {
				t.Fatalf("got %v (%s), want reason %s", err, Reason(err), test.reason)
			}
		})
	}
}

func TestAbstainedAnswerNeedsNoScores(t *testing.T) {
	client, _ := newTestClient(t, serve(t, answer(`{"schemaVersion":1,"outcome":"abstained","reason":"warming-up","decisionId":"d"}`)).URL)
	got, err := score(client)
	if err != nil || !got.Abstained() || got.DecisionID != "d" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestFilterReadsTheRejectedNodes(t *testing.T) {
	client, _ := newTestClient(t, serve(t, answer(`{"schemaVersion":1,"outcome":"scored","rejected":["a"],"reasons":{"a":"hot"}}`)).URL)
	got, err := client.Filter(context.Background(), &Pod{}, 3)
	if err != nil || len(got.Rejected) != 1 || got.Reasons["a"] != "hot" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestBreakerOpensAfterThreeFailuresAndThenCallsNobody(t *testing.T) {
	var calls atomic.Int32
	server := serve(t, func(writer http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(writer, "garbage")
	})
	client, observer := newTestClient(t, server.URL)
	for range 10 {
		_, _ = score(client)
	}
	if calls.Load() != failureThreshold || observer.opened != 1 || !client.IsOpen() {
		t.Fatalf("%d calls, opened %d times, open %v", calls.Load(), observer.opened, client.IsOpen())
	}
	if _, err := score(client); !errors.Is(err, ErrOpen) {
		t.Fatalf("got %v, want %v", err, ErrOpen)
	}
}

func TestSlowAnswersAreUsedAndStillOpenTheBreaker(t *testing.T) {
	server := serve(t, func(writer http.ResponseWriter, request *http.Request) {
		time.Sleep(20 * time.Millisecond)
		scoring(writer, request)
	})
	client, observer := newTestClient(t, server.URL)
	client.options.SlowCall = time.Millisecond
	for range failureThreshold {
		if _, err := score(client); err != nil {
			t.Fatal(err)
		}
	}
	if observer.opened != 1 {
		t.Fatalf("opened %d times", observer.opened)
	}
}

func TestATrialInTheBackgroundClosesTheBreaker(t *testing.T) {
	var isWell atomic.Bool
	server := serve(t, func(writer http.ResponseWriter, request *http.Request) {
		if !isWell.Load() {
			writer.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		scoring(writer, request)
	})
	client, observer := newTestClient(t, server.URL)
	run(t, client.Run)
	// Without one call by a pod: the probe finds out.
	eventually(t, "the breaker is open", client.IsOpen)
	isWell.Store(true)
	eventually(t, "the breaker is closed", func() bool { return !client.IsOpen() })
	if _, err := score(client); err != nil {
		t.Fatal(err)
	}
	if observer.opened != 1 {
		t.Fatalf("opened %d times", observer.opened)
	}
}

func TestATrialIsNotFooledByReadiness(t *testing.T) {
	server := serve(t, func(writer http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/readyz" {
			_, _ = io.WriteString(writer, "garbage")
		}
	})
	client, _ := newTestClient(t, server.URL)
	for range failureThreshold {
		_, _ = score(client)
	}
	client.replicas[0].trialAt = time.Now()
	client.probe(context.Background(), client.replicas[0])
	if !client.IsOpen() {
		t.Fatal("closed although scoring answers garbage")
	}
}

func TestThePauseDoublesWithEachRelapse(t *testing.T) {
	now := time.Now()
	replica := &replica{}
	var pauses []time.Duration
	for range 9 {
		replica.failed(now, failureThreshold)
		pauses = append(pauses, replica.pause)
		if replica.trialDue(now) {
			t.Fatal("a trial is due at once")
		}
		now = now.Add(replica.pause)
		if !replica.trialDue(now) || !replica.succeeded(now, true) {
			t.Fatal("the trial does not close it")
		}
	}
	if pauses[0] != firstPause || pauses[1] != 2*firstPause || pauses[8] != longestPause {
		t.Fatalf("pauses %v", pauses)
	}
	replica.succeeded(now.Add(2*forgivenAfter), false)
	replica.failed(now, failureThreshold)
	if replica.pause != firstPause {
		t.Fatalf("not forgiven: %v", replica.pause)
	}
}

func TestTheNextReplicaAnswersInTheSameDecision(t *testing.T) {
	dead := httptest.NewServer(http.HandlerFunc(scoring))
	dead.Close()
	hanging := serve(t, hang)
	well := serve(t, scoring)
	for name, first := range map[string]string{"refused": dead.URL, "hanging": hanging.URL} {
		t.Run(name, func(t *testing.T) {
			client, observer := newTestClient(t, first, well.URL)
			for range 5 {
				if _, err := score(client); err != nil {
					t.Fatal(err)
				}
			}
			// The one that worked is asked first from then on.
			if observer.outcomes["/v1/score ok"] != 5 || len(observer.outcomes) != 2 {
				t.Fatalf("outcomes %v", observer.outcomes)
			}
		})
	}
}

func TestOneAddressIsAskedAgainWhenItFailsAtOnce(t *testing.T) {
	var calls atomic.Int32
	server := serve(t, func(writer http.ResponseWriter, request *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		scoring(writer, request)
	})
	client, _ := newTestClient(t, server.URL)
	if _, err := score(client); err != nil {
		t.Fatal(err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(scoring))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client, _ := newTestClient(t, server.URL)
	for range 50 {
		if _, err := score(client); err != nil {
			t.Fatal(err)
		}
	}
	if connections.Load() != 1 {
		t.Fatalf("%d connections for 50 calls", connections.Load())
	}
}

func TestReportsAreSentInBatches(t *testing.T) {
	var mu sync.Mutex
	var got []Event
	server := serve(t, func(writer http.ResponseWriter, request *http.Request) {
		var sent eventRequest
		if request.URL.Path == "/v1/events" && json.NewDecoder(request.Body).Decode(&sent) == nil {
			mu.Lock()
			got = append(got, sent.Events...)
			mu.Unlock()
			writer.WriteHeader(http.StatusAccepted)
		}
	})
	client, observer := newTestClient(t, server.URL)
	reporter := NewReporter(client)
	run(t, reporter.Run)
	for range 3 * largestBatch {
		reporter.Report(Event{Type: "bound", Node: "a"})
	}
	eventually(t, "all reports have arrived", func() bool { return observer.event("sent") == 3*largestBatch })
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 3*largestBatch || got[0].Node != "a" {
		t.Fatalf("%d reports arrived", len(got))
	}
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	client, observer := newTestClient(t, serve(t, scoring).URL)
	reporter := NewReporter(client)
	for range queueLength + 7 {
		reporter.Report(Event{})
	}
	if observer.event("dropped") != 7 {
		t.Fatalf("dropped %d", observer.event("dropped"))
	}
}

func TestReportsAreDroppedWhileNobodyIsThere(t *testing.T) {
	client, observer := newTestClient(t, serve(t, scoring).URL)
	client.replicas[0].failed(time.Now(), failureThreshold)
	reporter := NewReporter(client)
	run(t, reporter.Run)
	reporter.Report(Event{})
	eventually(t, "the report is dropped", func() bool { return observer.event("dropped") == 1 })
}

func FuzzAnAnswerNeverBreaksTheClient(f *testing.F) {
	for _, seed := range []string{`{"schemaVersion":1,"outcome":"scored","scores":[1,2]}`, `{"scores":[1e99]}`, `null`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer ScoreAnswer
		if parse(body, &answer) != nil || answer.check(2) != nil || answer.Abstained() {
			return
		}
		for _, score := range answer.Scores {
			if score < Unknown || score > MaxScore || len(answer.Scores) != 2 {
				t.Fatalf("accepted %s", body)
			}
		}
	})
}

//go:build !k8s_1_32

package mlsched

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"mlsched.io/scheduler-plugin/decision"
)

func TestUnknownScoresBecomeTheMeanOfTheKnown(t *testing.T) {
	for _, test := range []struct {
		raw       []int
		influence float64
		want      []int64
	}{
		{[]int{10, -1, 30}, 1, []int64{10, 20, 30}},
		{[]int{0, 100}, 1, []int64{0, 100}},
		{[]int{0, 100, -1}, 0.5, []int64{25, 75, 50}},
		{[]int{0, 100}, 0, []int64{50, 50}},
		{[]int{-1, -1}, 1, nil},
		{nil, 1, nil},
	} {
		if got := settle(test.raw, test.influence); !reflect.DeepEqual(got, test.want) {
			t.Errorf("settle(%v, %v) = %v, want %v", test.raw, test.influence, got, test.want)
		}
	}
}

func argsOf(text string) (*Args, error) { return readArgs(&runtime.Unknown{Raw: []byte(text)}) }

func TestArgsHaveDefaults(t *testing.T) {
	args, err := argsOf(`{urls: ["https://mlsched:8443"]}`)
	if err != nil || args.TimeoutMs != defaultTimeoutMs || *args.InfluenceRatio != 1 || args.Filter.Enabled {
		t.Fatalf("got %+v, %v", args, err)
	}
}

func TestWrongArgsAreNamedAtStart(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{}`:                                                     "urls is empty",
		`{urls: [mlsched:8443]}`:                                 "is not an http(s) address",
		`{urls: ["http://mlsched"]}`:                             "is not encrypted",
		`{urls: ["https://mlsched/"]}`:                           "does not end in /",
		`{urls: ["https://a:secret@mlsched"]}`:                   "must be scheme, host, port",
		`{urls: ["https://m"], timeout: 5}`:                      `unknown field "timeout"`,
		`{urls: ["https://m"], timeoutMs: 5}`:                    "timeoutMs is 5, want 10..5000",
		`{urls: ["https://m"], timeoutMs: 50}`:                   "slowCallMs is 80, want 1..timeoutMs",
		`{urls: ["https://m"], influenceRatio: 2}`:               "influenceRatio is outside 0..1",
		`{urls: ["https://m"], filter: {maxRejectedRatio: 0.9}}`: "filter.maxRejectedRatio is 0.9",
		`{urls: ["https://m"], tls: {certFile: a.crt}}`:          "need each other",
		`{urls: ["https://m"], tls: {caFile: /nowhere/ca.crt}}`:  "/nowhere/ca.crt",
		`{urls: ["https://m"], tls: {caFile: "` + empty + `"}}`:  "holds no PEM certificate",
		`{urls: [`: "args are not YAML",
	} {
		_, err := New(context.Background(), &runtime.Unknown{Raw: []byte(text)}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
}

func TestAPodIsDescribedAsTheSchedulerCountsIt(t *testing.T) {
	isController, priority := true, int32(7)
	amounts := func(cpu, memory string) v1.ResourceList {
		return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
	}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "p", UID: "u",
			OwnerReferences: []metav1.OwnerReference{{Kind: "DaemonSet", Name: "d", UID: "o", Controller: &isController}},
		},
		Spec: v1.PodSpec{
			SchedulerName: "mlsched", Priority: &priority, PriorityClassName: "high",
			InitContainers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: amounts("2", "1Mi")}}},
			Containers: []v1.Container{
				{Resources: v1.ResourceRequirements{Requests: amounts("100m", "1Gi"), Limits: amounts("1", "2Gi")}},
				{Resources: v1.ResourceRequirements{Requests: amounts("300m", "1Gi")}},
			},
		},
	}
	want := &decision.Pod{
		Namespace: "ns", Name: "p", UID: "u", SchedulerName: "mlsched", OwnerKind: "DaemonSet", OwnerName: "d", OwnerUID: "o",
		Labels: map[string]string{}, Priority: 7, PriorityClass: "high", CPURequestMillicores: 2000, CPULimitMillicores: 1000,
		MemoryRequestBytes: 2 << 30, MemoryLimitBytes: 2 << 30, IsDaemon: true,
	}
	if got := describe(pod); !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n%+v, want\n%+v", got, want)
	}
}

// snapshot is the part of the framework that the filter needs; nodes in full have no room.
type snapshot struct {
	fwk.Handle
	fwk.SharedLister
	fwk.NodeInfoLister
	nodes []NodeInfo
	full  map[string]bool
}

func (s *snapshot) SnapshotSharedLister() fwk.SharedLister { return s }
func (s *snapshot) NodeInfos() fwk.NodeInfoLister          { return s }
func (s *snapshot) List() ([]NodeInfo, error)              { return s.nodes, nil }
func (s *snapshot) RunFilterPluginsWithNominatedPods(_ context.Context, _ CycleState, _ *v1.Pod, node NodeInfo) *Status {
	if s.full[node.Node().Name] {
		return newStatus(unschedulable)
	}
	return nil
}

// newTestPlugin runs against a service that answers each path with a text.
func newTestPlugin(t *testing.T, handle Handle, args string, answers map[string]string) *plugin {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		text, isKnown := answers[request.URL.Path]
		if !isKnown {
			writer.WriteHeader(http.StatusNotFound)
		}
		_, _ = writer.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	// The prober stays out of the way: these tests are about one call.
	text := fmt.Sprintf(`{"urls": [%q], "timeoutMs": 5000, "slowCallMs": 5000, "probeIntervalMs": 60000%s}`, server.URL, args)
	made, err := New(ctx, &runtime.Unknown{Raw: []byte(text)}, handle)
	if err != nil {
		t.Fatal(err)
	}
	return made.(*plugin)
}

func nodes(count int) []NodeInfo {
	made := make([]NodeInfo, count)
	for at := range made {
		info := framework.NewNodeInfo(&v1.Pod{})
		info.SetNode(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("n", at)}})
		made[at] = info
	}
	return made
}

func TestScoresReachTheScheduler(t *testing.T) {
	plugin := newTestPlugin(t, nil, "", map[string]string{
		"/v1/score": `{"schemaVersion":1,"outcome":"scored","decisionId":"d","scores":[80,-1,20]}`,
	})
	state, candidates := framework.NewCycleState(), nodes(3)
	if status := plugin.PreScore(context.Background(), state, &v1.Pod{}, candidates); !status.IsSuccess() {
		t.Fatal(status)
	}
	for at, want := range []int64{80, 50, 20} {
		if got, status := plugin.Score(context.Background(), state, &v1.Pod{}, candidates[at]); got != want || !status.IsSuccess() {
			t.Errorf("node %d: %d, %v, want %d", at, got, status, want)
		}
	}
}

func TestWithoutAGoodAnswerThePluginSkips(t *testing.T) {
	for name, test := range map[string]struct{ args, answer string }{
		"abstained":      {"", `{"schemaVersion":1,"outcome":"abstained"}`},
		"nothing known":  {"", `{"schemaVersion":1,"outcome":"scored","scores":[-1,-1]}`},
		"wrong length":   {"", `{"schemaVersion":1,"outcome":"scored","scores":[1]}`},
		"garbage":        {"", `<html>`},
		"no influence":   {`, "influenceRatio": 0`, `{"schemaVersion":1,"outcome":"scored","scores":[1,99]}`},
		"huge score":     {"", `{"schemaVersion":1,"outcome":"scored","scores":[1,1000000]}`},
		"later protocol": {"", `{"schemaVersion":9,"outcome":"scored","scores":[1,2]}`},
	} {
		t.Run(name, func(t *testing.T) {
			plugin := newTestPlugin(t, nil, test.args, map[string]string{"/v1/score": test.answer})
			status := plugin.PreScore(context.Background(), framework.NewCycleState(), &v1.Pod{}, nodes(2))
			if !status.IsSkip() {
				t.Fatalf("got %v, want Skip", status)
			}
		})
	}
}

func TestFilterIsOffByDefault(t *testing.T) {
	plugin := newTestPlugin(t, nil, "", map[string]string{"/v1/filter": `{"schemaVersion":1,"outcome":"scored","rejected":["n0"]}`})
	if _, status := plugin.PreFilter(context.Background(), framework.NewCycleState(), &v1.Pod{}, nodes(9)); !status.IsSkip() {
		t.Fatalf("got %v, want Skip", status)
	}
}

func TestFilterKeepsItsBounds(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		full   []string
		want   []string
	}{
		"a bad node":        {`["n0"]`, nil, []string{"n0"}},
		"as many as may be": {`["n0","n1"]`, nil, []string{"n0", "n1"}},
		"too many":          {`["n0","n1","n2"]`, nil, nil},
		"named twice":       {`["n0","n0","n0"]`, nil, []string{"n0"}},
		"wrong names":       {`["elsewhere"]`, nil, nil},
		"one free other":    {`["n0"]`, []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"}, []string{"n0"}},
		"no other has room": {`["n0"]`, []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			handle := &snapshot{nodes: nodes(10), full: map[string]bool{}}
			for _, node := range test.full {
				handle.full[node] = true
			}
			plugin := newTestPlugin(t, handle, `, "filter": {"enabled": true, "maxRejectedRatio": 0.2}`, map[string]string{
				"/v1/filter": `{"schemaVersion":1,"outcome":"scored","rejected":` + test.answer + `,"reasons":{"n0":"hot"}}`,
			})
			state := framework.NewCycleState()
			_, status := plugin.PreFilter(context.Background(), state, &v1.Pod{}, handle.nodes)
			if !status.IsSuccess() && !status.IsSkip() {
				t.Fatal(status)
			}
			var rejected []string
			for _, node := range handle.nodes {
				if status := plugin.Filter(context.Background(), state, &v1.Pod{}, node); !status.IsSuccess() {
					rejected = append(rejected, node.Node().Name)
				}
			}
			if !reflect.DeepEqual(rejected, test.want) {
				t.Fatalf("left out %v, want %v", rejected, test.want)
			}
		})
	}
}

func TestPlacementsAreReportedWithTheirDecision(t *testing.T) {
	got := make(chan []decision.Event, 8)
	server := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		var sent struct{ Events []decision.Event }
		switch request.URL.Path {
		case "/v1/score":
			_, _ = writer.Write([]byte(`{"schemaVersion":1,"outcome":"scored","decisionId":"d3","scores":[1]}`))
		case "/v1/events":
			_ = json.NewDecoder(request.Body).Decode(&sent)
			got <- sent.Events
		}
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	text := fmt.Sprintf(`{"urls": [%q], "timeoutMs": 5000, "slowCallMs": 5000, "probeIntervalMs": 60000}`, server.URL)
	made, err := New(ctx, &runtime.Unknown{Raw: []byte(text)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	plugin, state := made.(*plugin), framework.NewCycleState()
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}}
	plugin.PreScore(ctx, state, pod, nodes(1))
	plugin.Reserve(ctx, state, pod, "n0")
	plugin.Unreserve(ctx, state, pod, "n0")
	plugin.PostBind(ctx, state, pod, "n0")
	var kinds []string
	for len(kinds) < 3 {
		select {
		case batch := <-got:
			for _, event := range batch {
				if event.DecisionID != "d3" || event.PodUID != "u" || event.Node != "n0" || event.AtMs == 0 {
					t.Fatalf("got %+v", event)
				}
				kinds = append(kinds, event.Type)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("only %v arrived", kinds)
		}
	}
	if !reflect.DeepEqual(kinds, []string{"reserved", "unreserved", "bound"}) {
		t.Fatalf("got %v", kinds)
	}
}

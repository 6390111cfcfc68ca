// Package mlsched is a plugin of kube-scheduler. It asks the decision service once per pod how well each candidate node
// suits, and stands aside (Skip) whenever it has no good answer: the pod is then placed as stock does.
package mlsched

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"

	"mlsched.io/scheduler-plugin/decision"
)

// Name of the plugin in a KubeSchedulerConfiguration.
const Name = "Mlsched"

const (
	scoreKey  = Name + "/score"
	filterKey = Name + "/filter"
)

type plugin struct {
	args     *Args
	handle   Handle
	client   *decision.Client
	reporter *decision.Reporter
}

// New builds the plugin; a mistake in its args stops the scheduler at start.
func New(ctx context.Context, config runtime.Object, handle Handle) (Plugin, error) {
	args, err := readArgs(config)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", Name, err)
	}
	registerMetrics()
	client, err := decision.NewClient(args.clientOptions(observer{klog.FromContext(ctx).WithName(Name)}))
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", Name, err)
	}
	made := &plugin{args: args, handle: handle, client: client, reporter: decision.NewReporter(client)}
	go client.Run(ctx)
	go made.reporter.Run(ctx)
	return made, nil
}

func (p *plugin) Name() string { return Name }

// scores are final: unknown nodes have the mean of the known ones, so that not being known is neither good nor bad.
type scores struct {
	decisionID string
	byNode     map[string]int64
}

func (s *scores) Clone() StateData { return s }

// PreScore makes the one call. An error status here would reject the pod, so there is none.
func (p *plugin) PreScore(ctx context.Context, state CycleState, pod *v1.Pod, nodes []NodeInfo) *Status {
	result, outcome := p.score(ctx, pod, nodes)
	decisions.WithLabelValues("score", outcome).Inc()
	if result != nil {
		state.Write(scoreKey, result)
	}
	if outcome != "applied" {
		return newStatus(skip)
	}
	return nil
}

func (p *plugin) score(ctx context.Context, pod *v1.Pod, nodes []NodeInfo) (*scores, string) {
	if p.client.IsOpen() {
		return nil, decision.Reason(decision.ErrOpen)
	}
	names := make([]string, len(nodes))
	requested := make([]decision.Requested, len(nodes))
	for at, node := range nodes {
		names[at] = node.Node().Name
		requested[at] = requestedOf(node)
	}
	answer, err := p.client.Score(ctx, describe(pod), names, requested)
	if err != nil {
		return nil, decision.Reason(err)
	}
	result := &scores{decisionID: answer.DecisionID}
	if answer.Abstained() {
		return result, "abstained"
	}
	final := settle(answer.Scores, *p.args.InfluenceRatio)
	if final == nil {
		return result, "nothing-known"
	}
	result.byNode = make(map[string]int64, len(names))
	for at, name := range names {
		result.byNode[name] = final[at]
	}
	if *p.args.InfluenceRatio == 0 {
		return result, "no-influence"
	}
	return result, "applied"
}

// settle fills in unknown scores by the mean of the known ones and draws all towards that mean:
// mean + influenceRatio * (score - mean), rounded. Nil when no score is known.
func settle(raw []int, influenceRatio float64) []int64 {
	sum, known := 0, 0
	for _, score := range raw {
		if score != decision.Unknown {
			sum += score
			known++
		}
	}
	if known == 0 {
		return nil
	}
	mean := float64(sum) / float64(known)
	final := make([]int64, len(raw))
	for at, score := range raw {
		value := mean
		if score != decision.Unknown {
			value += influenceRatio * (float64(score) - mean)
		}
		final[at] = int64(math.Round(value))
	}
	return final
}

// ScoreExtensions is nil: PreScore sees all candidates and has normalized already, which saves a pass over them.
func (p *plugin) ScoreExtensions() ScoreExtensions { return nil }

func (p *plugin) scoreOf(state CycleState, node string) (int64, *Status) {
	if data, err := state.Read(scoreKey); err == nil {
		return data.(*scores).byNode[node], nil
	}
	return 0, nil
}

// rejections are the nodes to leave out, and whether any node is left without them.
type rejections struct {
	reasons   map[string]string
	checkOnce sync.Once
	isHarmful bool
}

func (r *rejections) Clone() StateData { return r }

// preFilter asks for the nodes to leave out; it skips unless the list is in bounds.
func (p *plugin) preFilter(ctx context.Context, state CycleState, pod *v1.Pod, nodes []NodeInfo) *Status {
	if !p.args.Filter.Enabled {
		return newStatus(skip)
	}
	rejected, outcome := p.filter(ctx, pod, nodes)
	decisions.WithLabelValues("filter", outcome).Inc()
	if rejected == nil {
		return newStatus(skip)
	}
	state.Write(filterKey, rejected)
	return nil
}

func (p *plugin) filter(ctx context.Context, pod *v1.Pod, nodes []NodeInfo) (*rejections, string) {
	if p.client.IsOpen() {
		return nil, decision.Reason(decision.ErrOpen)
	}
	answer, err := p.client.Filter(ctx, describe(pod), len(nodes))
	if err != nil {
		return nil, decision.Reason(err)
	}
	if answer.Abstained() || len(answer.Rejected) == 0 {
		return nil, "nothing-rejected"
	}
	asked := make(map[string]bool, len(answer.Rejected))
	for _, name := range answer.Rejected {
		asked[name] = true
	}
	reasons := map[string]string{}
	for _, node := range nodes {
		if name := node.Node().Name; asked[name] {
			reasons[name] = answer.Reasons[name]
		}
	}
	if float64(len(reasons)) > p.args.Filter.MaxRejectedRatio*float64(len(nodes)) {
		return nil, "too-many-rejected"
	}
	if len(reasons) == 0 {
		return nil, "nothing-rejected"
	}
	return &rejections{reasons: reasons}, "applied"
}

// PreFilterExtensions is nil: what other pods do to a node does not change the verdict on it.
func (p *plugin) PreFilterExtensions() PreFilterExtensions { return nil }

// Filter leaves a node out only while another one can take the pod: no pod is to wait because of us.
func (p *plugin) Filter(ctx context.Context, state CycleState, pod *v1.Pod, node NodeInfo) *Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return nil
	}
	rejected := data.(*rejections)
	reason, isRejected := rejected.reasons[node.Node().Name]
	if !isRejected {
		return nil
	}
	rejected.checkOnce.Do(func() {
		if rejected.isHarmful = !p.hasOther(ctx, state, pod, rejected); rejected.isHarmful {
			decisions.WithLabelValues("filter", "no-other-node").Inc()
		}
	})
	if rejected.isHarmful {
		return nil
	}
	if reason == "" {
		reason = "unfit by forecast or health"
	}
	return newStatus(unschedulable, "mlsched: "+reason)
}

// hasOther looks for one node that passes every filter and is not to be left out. Usually the first one does.
func (p *plugin) hasOther(ctx context.Context, state CycleState, pod *v1.Pod, rejected *rejections) bool {
	nodes, err := p.handle.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return false
	}
	for _, node := range nodes {
		if _, isRejected := rejected.reasons[node.Node().Name]; isRejected {
			continue
		}
		if p.handle.RunFilterPluginsWithNominatedPods(ctx, state, pod, node).IsSuccess() {
			return true
		}
	}
	return false
}

// Reserve, Unreserve and PostBind report; they hold nothing up and refuse nothing.
func (p *plugin) Reserve(_ context.Context, state CycleState, pod *v1.Pod, node string) *Status {
	p.report("reserved", state, pod, node)
	return nil
}

func (p *plugin) Unreserve(_ context.Context, state CycleState, pod *v1.Pod, node string) {
	p.report("unreserved", state, pod, node)
}

func (p *plugin) PostBind(_ context.Context, state CycleState, pod *v1.Pod, node string) {
	p.report("bound", state, pod, node)
}

func (p *plugin) report(kind string, state CycleState, pod *v1.Pod, node string) {
	decisionID := ""
	if data, err := state.Read(scoreKey); err == nil {
		decisionID = data.(*scores).decisionID
	}
	p.reporter.Report(decision.Event{
		Type: kind, DecisionID: decisionID, PodUID: string(pod.UID), Namespace: pod.Namespace, Name: pod.Name,
		Node: node, AtMs: time.Now().UnixMilli(),
	})
}

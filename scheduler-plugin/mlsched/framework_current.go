//go:build !k8s_1_32

package mlsched

import (
	"context"

	v1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"mlsched.io/scheduler-plugin/decision"
)

// The scheduling framework as of Kubernetes 1.37; framework_1_32.go has the same for 1.32. Everything that differs
// between the two is in these files.
type (
	Plugin              = fwk.Plugin
	Handle              = fwk.Handle
	CycleState          = fwk.CycleState
	StateData           = fwk.StateData
	NodeInfo            = fwk.NodeInfo
	Status              = fwk.Status
	ScoreExtensions     = fwk.ScoreExtensions
	PreFilterExtensions = fwk.PreFilterExtensions
	code                = fwk.Code
)

const (
	skip          = fwk.Skip
	unschedulable = fwk.Unschedulable
)

var (
	_ fwk.PreFilterPlugin   = &plugin{}
	_ fwk.FilterPlugin      = &plugin{}
	_ fwk.PreScorePlugin    = &plugin{}
	_ fwk.ScorePlugin       = &plugin{}
	_ fwk.ReservePlugin     = &plugin{}
	_ fwk.PostBindPlugin    = &plugin{}
	_ fwk.EnqueueExtensions = &plugin{}
)

func newStatus(code code, reasons ...string) *Status { return fwk.NewStatus(code, reasons...) }

func requestedOf(node NodeInfo) decision.Requested {
	requested := node.GetRequested()
	return decision.Requested{requested.GetMilliCPU(), requested.GetMemory(), int64(len(node.GetPods()))}
}

// PreFilter makes the filter's call, when the filter is on.
func (p *plugin) PreFilter(ctx context.Context, state CycleState, pod *v1.Pod, nodes []NodeInfo) (*fwk.PreFilterResult, *Status) {
	return nil, p.preFilter(ctx, state, pod, nodes)
}

// Score looks up what PreScore found.
func (p *plugin) Score(_ context.Context, state CycleState, _ *v1.Pod, node NodeInfo) (int64, *Status) {
	return p.scoreOf(state, node.Node().Name)
}

// EventsToRegister names what can help a pod that Filter kept from a node: another node.
func (p *plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}}}, nil
}

package mlsched

import (
	"sync"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
)

const subsystem = "mlsched_plugin"

var (
	callDuration = metrics.NewHistogramVec(&metrics.HistogramOpts{
		Subsystem:      subsystem,
		Name:           "call_duration_seconds",
		Help:           "Calls to the decision service by endpoint and outcome (ok, or why it failed).",
		Buckets:        []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5},
		StabilityLevel: metrics.ALPHA,
	}, []string{"endpoint", "outcome"})
	decisions = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem:      subsystem,
		Name:           "decisions_total",
		Help:           "Pods by extension point (score, filter) and outcome: applied, or why stock decided alone.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"point", "outcome"})
	breakerOpen = metrics.NewGaugeVec(&metrics.GaugeOpts{
		Subsystem:      subsystem,
		Name:           "breaker_open",
		Help:           "1 while a replica of the decision service is left alone.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"replica"})
	breakerOpened = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem:      subsystem,
		Name:           "breaker_opened_total",
		Help:           "How often the breaker towards a replica opened.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"replica"})
	events = metrics.NewCounterVec(&metrics.CounterOpts{
		Subsystem:      subsystem,
		Name:           "events_total",
		Help:           "Reports of placements to the decision service: sent (once per replica), failed, or dropped.",
		StabilityLevel: metrics.ALPHA,
	}, []string{"outcome"})
	registerOnce sync.Once
)

func registerMetrics() {
	registerOnce.Do(func() { legacyregistry.MustRegister(callDuration, decisions, breakerOpen, breakerOpened, events) })
}

// observer counts and logs what the client does.
type observer struct{ log klog.Logger }

func (o observer) Called(endpoint, outcome string, took time.Duration) {
	callDuration.WithLabelValues(endpoint, outcome).Observe(took.Seconds())
}

func (o observer) BreakerChanged(replica string, isOpen bool, why error) {
	if !isOpen {
		breakerOpen.WithLabelValues(replica).Set(0)
		o.log.Info("Decision service is used", "replica", replica)
		return
	}
	breakerOpen.WithLabelValues(replica).Set(1)
	breakerOpened.WithLabelValues(replica).Inc()
	o.log.Error(why, "Decision service is left alone until a trial succeeds", "replica", replica)
}

func (o observer) Events(outcome string, count int) {
	events.WithLabelValues(outcome).Add(float64(count))
}

func (o observer) Trouble(what string, err error) { o.log.Error(err, what) }

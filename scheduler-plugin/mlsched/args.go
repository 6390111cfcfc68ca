package mlsched

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"mlsched.io/scheduler-plugin/decision"
)

// Args stand under pluginConfig in the KubeSchedulerConfiguration; docs/reference/scheduler-plugin.md lists them.
type Args struct {
	// URLs of the decision service's replicas; the first that works is used, the next at once when it does not.
	URLs []string `json:"urls"`
	// TimeoutMs bounds what one pod may wait, over all attempts.
	TimeoutMs int `json:"timeoutMs"`
	// SlowCallMs and longer counts as a failure for the circuit breaker.
	SlowCallMs int `json:"slowCallMs"`
	// ProbeIntervalMs is how often replicas are looked at in the background.
	ProbeIntervalMs int `json:"probeIntervalMs"`
	// InfluenceRatio blends scores with neutral: 1 as they are, 0 = asked and recorded, but without any effect.
	InfluenceRatio *float64   `json:"influenceRatio"`
	Filter         FilterArgs `json:"filter"`
	TLS            TLSArgs    `json:"tls"`
	// AllowPlainHTTP permits http:// beyond loopback. Anyone on the path can then read and steer placements.
	AllowPlainHTTP bool `json:"allowPlainHTTP"`
}

// FilterArgs govern the optional filter.
type FilterArgs struct {
	Enabled bool `json:"enabled"`
	// MaxRejectedRatio is the share of all nodes that may be left out for one pod; a longer list is ignored whole.
	MaxRejectedRatio float64 `json:"maxRejectedRatio"`
}

// TLSArgs name PEM files, which are read again when they change.
type TLSArgs struct {
	CAFile     string `json:"caFile"`
	CertFile   string `json:"certFile"`
	KeyFile    string `json:"keyFile"`
	ServerName string `json:"serverName"`
}

const (
	defaultTimeoutMs        = 200
	defaultSlowCallMs       = 80
	defaultProbeIntervalMs  = 250
	defaultMaxRejectedRatio = 0.2
	mostReplicas            = 16
)

func readArgs(config runtime.Object) (*Args, error) {
	influence := 1.0
	args := &Args{
		TimeoutMs: defaultTimeoutMs, SlowCallMs: defaultSlowCallMs, ProbeIntervalMs: defaultProbeIntervalMs,
		InfluenceRatio: &influence, Filter: FilterArgs{MaxRejectedRatio: defaultMaxRejectedRatio},
	}
	if unknown, isUnknown := config.(*runtime.Unknown); isUnknown {
		text, err := yaml.YAMLToJSON(unknown.Raw)
		if err != nil {
			return nil, fmt.Errorf("args are not YAML: %w", err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(args); err != nil {
			return nil, fmt.Errorf("args: %w", err)
		}
	} else if config != nil {
		return nil, fmt.Errorf("args are of type %T, want a plain object", config)
	}
	return args, args.validate()
}

func (a *Args) validate() error {
	var wrong []string
	check := func(isFine bool, format string, values ...any) {
		if !isFine {
			wrong = append(wrong, fmt.Sprintf(format, values...))
		}
	}
	check(len(a.URLs) > 0, `urls is empty: name the decision service, e.g. urls: ["https://mlsched-scheduler.mlsched.svc:8443"]`)
	check(len(a.URLs) <= mostReplicas, "urls has %d entries, at most %d are allowed", len(a.URLs), mostReplicas)
	for _, address := range a.URLs {
		if err := checkURL(address, a.AllowPlainHTTP); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	check(a.TimeoutMs >= 10 && a.TimeoutMs <= 5000, "timeoutMs is %d, want 10..5000", a.TimeoutMs)
	check(a.SlowCallMs >= 1 && a.SlowCallMs <= a.TimeoutMs, "slowCallMs is %d, want 1..timeoutMs (%d)", a.SlowCallMs, a.TimeoutMs)
	check(a.ProbeIntervalMs >= 50 && a.ProbeIntervalMs <= 60_000, "probeIntervalMs is %d, want 50..60000", a.ProbeIntervalMs)
	check(a.InfluenceRatio != nil && *a.InfluenceRatio >= 0 && *a.InfluenceRatio <= 1, "influenceRatio is outside 0..1")
	share := a.Filter.MaxRejectedRatio
	check(share >= 0 && share <= 0.5, "filter.maxRejectedRatio is %v, want 0..0.5", share)
	check((a.TLS.CertFile == "") == (a.TLS.KeyFile == ""), "tls.certFile and tls.keyFile need each other")
	for _, file := range []string{a.TLS.CAFile, a.TLS.CertFile, a.TLS.KeyFile} {
		if _, err := os.Stat(file); file != "" && err != nil {
			wrong = append(wrong, fmt.Sprintf("tls: %v", err))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("args: %s", strings.Join(wrong, "; "))
	}
	return nil
}

func checkURL(address string, allowPlain bool) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return fmt.Errorf("urls: %q is not an http(s) address", address)
	}
	if parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" || strings.HasSuffix(address, "/") {
		return fmt.Errorf("urls: %q must be scheme, host, port and at most a path that does not end in /", parsed.Redacted())
	}
	ip := net.ParseIP(parsed.Hostname())
	isLoopback := parsed.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if parsed.Scheme == "http" && !isLoopback && !allowPlain {
		return fmt.Errorf("urls: %q is not encrypted: use https, or set allowPlainHTTP: true", address)
	}
	return nil
}

func (a *Args) clientOptions(observer decision.Observer) decision.Options {
	milliseconds := func(count int) time.Duration { return time.Duration(count) * time.Millisecond }
	return decision.Options{
		URLs:          a.URLs,
		Timeout:       milliseconds(a.TimeoutMs),
		SlowCall:      milliseconds(a.SlowCallMs),
		ProbeInterval: milliseconds(a.ProbeIntervalMs),
		TLS:           decision.TLSFiles(a.TLS),
		Observer:      observer,
	}
}

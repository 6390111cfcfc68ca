// mlsched-kube-scheduler is kube-scheduler with the mlsched plugin registered. Without a profile that enables the
// plugin it behaves exactly as kube-scheduler does.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"

	"mlsched.io/scheduler-plugin/mlsched"
)

func main() {
	os.Exit(cli.Run(app.NewSchedulerCommand(app.WithPlugin(mlsched.Name, mlsched.New))))
}

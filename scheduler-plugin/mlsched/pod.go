package mlsched

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	resourcehelper "k8s.io/component-helpers/resource"

	"mlsched.io/scheduler-plugin/decision"
)

// describe tells of a pod what the service may know of it; amounts as the scheduler counts them.
func describe(pod *v1.Pod) *decision.Pod {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	limits := resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{})
	described := &decision.Pod{
		Namespace:            pod.Namespace,
		Name:                 pod.Name,
		UID:                  string(pod.UID),
		SchedulerName:        pod.Spec.SchedulerName,
		Labels:               pod.Labels,
		PriorityClass:        pod.Spec.PriorityClassName,
		CPURequestMillicores: requests.Cpu().MilliValue(),
		CPULimitMillicores:   limits.Cpu().MilliValue(),
		MemoryRequestBytes:   requests.Memory().Value(),
		MemoryLimitBytes:     limits.Memory().Value(),
	}
	if described.Labels == nil {
		described.Labels = map[string]string{}
	}
	if pod.Spec.Priority != nil {
		described.Priority = *pod.Spec.Priority
	}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		described.OwnerKind, described.OwnerName, described.OwnerUID = owner.Kind, owner.Name, string(owner.UID)
		described.IsDaemon = owner.Kind == "DaemonSet"
	}
	return described
}

/** The hardware of a node and what of it pods may request. */
export interface NodeSpec {
  readonly name: string;
  readonly cpuCapacityMillicores: number;
  readonly memoryCapacityBytes: number;
  /** Capacity less what system and kubelet reserve. */
  readonly cpuAllocatableMillicores: number;
  readonly memoryAllocatableBytes: number;
  /** Most pods at once. */
  readonly podsAllocatable: number;
  /** False for control-plane nodes and cordoned ones: DaemonSets run there, other pods do not. */
  readonly isSchedulable: boolean;
}

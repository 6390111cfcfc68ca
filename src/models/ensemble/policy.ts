import { DEFAULT_SCORE_WEIGHTS } from '#domain';
import type { ClusterView, Decision, PodSpec, ScorePart, ScoreWeights, UnknownReason } from '#domain';
import {
  ROW_COUNT,
  createFeatureEncoder,
  createOutlook,
  createPlacementScorer,
  createUsageProfile,
  loadPlacementModel,
  unknownSignals,
  usesForecast,
} from '#models/placement';
import type {
  FeatureEncoder,
  NodeSignals,
  Outlook,
  PlacementScorer,
  PlacementSession,
} from '#models/placement';
import type { PlacementPolicy, PolicyContext } from '#simulator';

import { BurstGuard, DEFAULT_BURST_GUARD } from './burst-guard.ts';
import type { BurstGuardConfig, Candidates } from './burst-guard.ts';
import { combineParts, createPartTable, normaliseWeights } from './combine.ts';
import type { PartTable } from './combine.ts';
import { decide, isTooClose, rankTotals } from './decide.ts';
import { readEvidence } from './evidence.ts';
import type { NodeEvidence } from './evidence.ts';
import { DEFAULT_FORECAST_RISK, scoreForecast } from './forecast-part.ts';
import type { ForecastRiskConfig } from './forecast-part.ts';
import { createSignalSource } from './node-signals.ts';
import type { SignalSource } from './node-signals.ts';
import { relativeScores } from './relative-score.ts';
import { Shortlist } from './shortlist.ts';

/** How the ensemble decides. */
export interface EnsembleConfig {
  readonly weights: ScoreWeights;
  readonly forecastRisk: ForecastRiskConfig;
  /** Advantage difference, in the network's units, at which a placement score is near its end. */
  readonly placementScale: number;
  /** Standard errors that the best candidate must lead the average by; 0 = never abstain for closeness. */
  readonly abstentionSigmas: number;
  /** How evenly a burst of one workload is spread. */
  readonly burst: BurstGuardConfig;
  /** Most candidates that the network scores; of more, those with the least expected load. */
  readonly candidateLimit: number;
}

export const DEFAULT_ENSEMBLE_CONFIG: EnsembleConfig = {
  weights: DEFAULT_SCORE_WEIGHTS,
  forecastRisk: DEFAULT_FORECAST_RISK,
  placementScale: 2,
  abstentionSigmas: 0,
  burst: DEFAULT_BURST_GUARD,
  candidateLimit: 128,
};

type EncodeInput = Parameters<FeatureEncoder['encode']>[0];

/** The decision path of the product, as a policy; `explain` tells the last decision again in full. */
export interface EnsemblePolicy extends PlacementPolicy {
  /** Decides without any effect and returns the whole record: part scores, runner-up, margin, flips. */
  explain(pod: PodSpec, view: ClusterView, feasible: Int32Array, feasibleCount: number): Decision;
  /**
   * As `explain`, for a live service: the network runs in ONNX Runtime where a session is given, several ratings may
   * be under way, and the record holds the two best candidates alone. A network that fails counts as unknown.
   */
  rate(pod: PodSpec, view: ClusterView, feasible: Int32Array, feasibleCount: number): Promise<Rating>;
  /** What is known of a node for this pod, as of now. */
  evidence(pod: PodSpec, view: ClusterView, node: number): NodeEvidence;
}

/** Totals of one decision, and its record; all of it belongs to the caller. */
export interface Rating {
  /** Node index of each scored candidate, shape `[count]`; the others were held back as worse than these. */
  readonly candidates: Int32Array;
  /** 0..1, NaN = unknown, shape `[count]`. */
  readonly totals: Float64Array;
  readonly decision: Decision;
}

export interface EnsembleOptions {
  readonly name: string;
  readonly context: Pick<PolicyContext, 'artefacts'>;
  readonly config?: EnsembleConfig;
  /** Replaces the forecast and health models: for tests and ablations, or where another thread runs them. */
  readonly signals?: SignalSource;
  /** Runs the placement network of `rate`; without it the evaluator in TypeScript does. */
  readonly session?: PlacementSession;
}

/**
 * Creates the ensemble: forecasts and health of all nodes once a tick, and per pod only the placement network
 * and look-ups. A model that is not there is unknown: its share goes to the others; with no model at all the
 * policy abstains.
 *
 * @throws MlschedError for an artefact that cannot be read, or weights that make no sense.
 */
export function createEnsemblePolicy(options: EnsembleOptions): EnsemblePolicy {
  const config = options.config ?? DEFAULT_ENSEMBLE_CONFIG;
  return new Ensemble(options, { ...config, weights: normaliseWeights(config.weights) });
}

class Ensemble implements EnsemblePolicy {
  readonly name: string;
  private readonly config: EnsembleConfig;
  private readonly outlook: Outlook = createOutlook(createUsageProfile());
  private readonly encoder: FeatureEncoder;
  private readonly scorer: PlacementScorer | undefined;
  private readonly source: SignalSource;
  private readonly session: PlacementSession | undefined;
  private readonly placementError: number;
  private readonly showsForecast: boolean;
  private withoutForecast: NodeSignals = unknownSignals(0);
  private signals: NodeSignals = unknownSignals(0);
  private parts: PartTable = createPartTable(0);
  private totals = new Float64Array(0);
  private readonly shortlist: Shortlist;
  private readonly guard: BurstGuard;

  constructor(options: EnsembleOptions, config: EnsembleConfig) {
    const { artefacts } = options.context;
    this.name = options.name;
    this.config = config;
    this.shortlist = new Shortlist(this.outlook, config.candidateLimit);
    this.guard = new BurstGuard(config.burst);
    this.encoder = createFeatureEncoder(this.outlook);
    this.session = config.weights.placement === 0 ? undefined : options.session;
    const artefact = artefacts.get('placement');
    const model =
      artefact === undefined || config.weights.placement === 0 ? undefined : loadPlacementModel(artefact);
    this.scorer = model === undefined ? undefined : createPlacementScorer(model);
    this.placementError = model?.advantageError ?? 0;
    this.showsForecast = model !== undefined && usesForecast(model);
    const isForecastUsed = this.showsForecast || config.weights.forecast > 0;
    this.source =
      options.signals ??
      createSignalSource(
        isForecastUsed ? artefacts : new Map([...artefacts].filter(([name]) => name !== 'load-forecast')),
      );
  }

  prepare(view: ClusterView): void {
    this.onScrape(view);
  }

  onScrape(view: ClusterView): void {
    this.outlook.profile.observe(view);
    this.outlook.refresh(view);
    this.encoder.refresh(view);
    this.signals = this.source.refresh(view);
    if (this.withoutForecast.health.length !== view.nodeCount) {
      this.withoutForecast = unknownSignals(view.nodeCount);
    }
    this.withoutForecast.health.set(this.signals.health);
  }

  choose(pod: PodSpec, view: ClusterView, feasible: Int32Array, feasibleCount: number): number {
    const { candidates, count } = this.selectCandidates(pod, view, feasible, feasibleCount);
    const uncertainty = this.scoreParts(pod, view, candidates, count);
    const { weights, abstentionSigmas } = this.config;
    combineParts(this.parts, weights, count, this.totals);
    const { best } = rankTotals(this.totals, candidates, count);
    if (best < 0) return -1;
    const limit = { sigmas: abstentionSigmas, uncertainty };
    return isTooClose(this.totals, count, best, limit) ? -1 : (candidates[best] as number);
  }

  explain(pod: PodSpec, view: ClusterView, feasible: Int32Array, feasibleCount: number): Decision {
    const { candidates, count } = this.selectCandidates(pod, view, feasible, feasibleCount);
    const uncertainty = this.scoreParts(pod, view, candidates, count);
    return decide({
      pod: String(pod.uid),
      nodeNames: view.nodeNames,
      candidates,
      count,
      parts: this.parts,
      unknownReason: (part) => this.unknownReason(part),
      weights: this.config.weights,
      abstention: { sigmas: this.config.abstentionSigmas, uncertainty },
    });
  }

  async rate(pod: PodSpec, view: ClusterView, feasible: Int32Array, feasibleCount: number): Promise<Rating> {
    const selected = this.selectCandidates(pod, view, feasible, feasibleCount);
    const { count } = selected;
    const candidates = selected.candidates.slice(0, count);
    const parts = createPartTable(count);
    const input = { view, pod, candidates, count, signals: this.signals };
    const uncertainty = this.standardError(this.scoreForecast(input, parts));
    this.scoreHealth(input, parts);
    // From here on nothing of the view is read: it may change while the network runs.
    const { nodeNames } = view;
    const hasNoModel = this.signals.health.length === 0;
    if (this.session === undefined) this.scorePlacement(input, parts);
    else await this.runSession(this.session, input, parts);
    const totals = new Float64Array(count).fill(Number.NaN);
    const decision = decide({
      pod: String(pod.uid),
      nodeNames,
      candidates,
      count,
      parts,
      unknownReason: (part) => (part === 'placement' || hasNoModel ? 'no-model' : 'missing'),
      weights: this.config.weights,
      abstention: { sigmas: this.config.abstentionSigmas, uncertainty },
      totals,
      detail: 'top',
    });
    return { candidates, totals, decision };
  }

  evidence(pod: PodSpec, view: ClusterView, node: number): NodeEvidence {
    return readEvidence({ view, pod, outlook: this.outlook, signals: this.signals }, node);
  }

  /** The candidates that are scored: without those that took their share of a burst, and of many the likeliest. */
  private selectCandidates(
    pod: PodSpec,
    view: ClusterView,
    feasible: Int32Array,
    feasibleCount: number,
  ): Candidates {
    this.outlook.countNewBindings(view);
    const allowed = this.guard.filter(pod, view, { candidates: feasible, count: feasibleCount });
    return this.shortlist.pick({ pod, view, health: this.signals.health }, allowed);
  }

  private unknownReason(part: ScorePart): UnknownReason {
    if (part === 'placement') return 'no-model';
    return this.signals.health.length === 0 ? 'no-model' : 'missing';
  }

  /** Fills the part table; returns the standard error of a total. */
  private scoreParts(pod: PodSpec, view: ClusterView, candidates: Int32Array, count: number): number {
    this.reserve(count);
    const input = { view, pod, candidates, count, signals: this.signals };
    const deviation = this.scoreForecast(input, this.parts);
    this.scorePlacement(input, this.parts);
    this.scoreHealth(input, this.parts);
    return this.standardError(deviation);
  }

  private scoreForecast(input: EncodeInput, parts: PartTable): number {
    if (this.config.weights.forecast === 0) return Number.NaN;
    return scoreForecast({ ...input, outlook: this.outlook }, this.config.forecastRisk, parts.forecast);
  }

  private scoreHealth({ candidates, count, signals }: EncodeInput, parts: PartTable): void {
    for (let i = 0; i < count; i++) parts.health[i] = signals.health[candidates[i] as number] ?? Number.NaN;
  }

  private scorePlacement(input: EncodeInput, { placement }: PartTable): void {
    if (this.scorer === undefined) {
      placement.fill(Number.NaN);
      return;
    }
    this.scorer.score(this.encode(input), input.count, placement);
    for (let i = 0; i < input.count; i++) placement[i] = -(placement[i] as number);
    relativeScores(placement, input.count, this.config.placementScale);
  }

  /** Q-values differ between candidates by their advantages alone, so both engines give the same scores. */
  private async runSession(
    session: PlacementSession,
    input: EncodeInput,
    { placement }: PartTable,
  ): Promise<void> {
    const { count } = input;
    if (count === 0) return;
    // A copy: the encoder's rows belong to the next decision, which may begin before the network has run.
    const rows = this.encode(input).slice(0, count * ROW_COUNT);
    try {
      const values = await session.score(rows, count);
      for (let i = 0; i < count; i++) placement[i] = -(values[i] as number);
      relativeScores(placement, count, this.config.placementScale);
    } catch {
      placement.fill(Number.NaN);
    }
  }

  private encode(input: EncodeInput): Float32Array {
    return this.encoder.encode({
      ...input,
      signals: this.showsForecast ? input.signals : this.withoutForecast,
    });
  }

  /** Errors of forecast and placement score, seen through the slope of their scores and weights. */
  private standardError(forecastDeviation: number): number {
    const { weights, forecastRisk, placementScale } = this.config;
    const forecast = Number.isNaN(forecastDeviation)
      ? 0
      : (0.5 * weights.forecast * forecastRisk.load * forecastDeviation) / forecastRisk.scale;
    const placement =
      this.scorer === undefined ? 0 : (0.5 * weights.placement * this.placementError) / placementScale;
    return Math.hypot(forecast, placement);
  }

  private reserve(count: number): void {
    if (this.totals.length >= count) return;
    this.parts = createPartTable(count);
    this.totals = new Float64Array(count);
  }
}

/** A sandbox this daemon has open: its replica, its engine, and the folder it is bound to. */

import type { DebugEngine } from '../engine/debug/debug-engine.ts';
import type { FileNames, Project } from '../engine/source/project.ts';
import type { Replica } from '../network/replication/replica-interface.ts';

export interface OpenSandbox {
  readonly replica: Replica;
  readonly engine: DebugEngine;
  /** The local checkout; absent for a guest without one. */
  readonly project: Project | undefined;
  readonly names: FileNames | undefined;
}

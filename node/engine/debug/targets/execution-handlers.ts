/** Handlers of `execution.*` and `lease.*`: who may move the program, and moving it. */

import type { CallContext, Handler } from '../../../pipeline/context.ts';
import type { DriverLease } from '../stops/lease.ts';
import { requestedTarget } from './requested-target.ts';

const pause: Handler<'execution.pause'> = async (args, context) => {
  await requestedTarget(args.target, context).driving.requestPause(context.caller.member);
  return { requested: true };
};

const resume: Handler<'execution.resume'> = async (args, context) => {
  await requestedTarget(args.target, context).driving.resume(context.caller.member);
  return { resumed: true };
};

const step: Handler<'execution.step'> = async (args, context) => ({
  pause: await requestedTarget(args.target, context).driving.step(context.caller.member, args.kind, args),
});

const restart: Handler<'execution.restart'> = async (args, context) => {
  await requestedTarget(args.target, context).driving.restartFrame(context.caller.member, args.frame);
  return { restarted: true };
};

const take: Handler<'lease.take'> = async (args, context) => {
  const lease = leaseOf(args.target, context);
  return { held: lease.take(context.caller.member), holder: lease.holder ?? null };
};

const release: Handler<'lease.release'> = async (args, context) => {
  const lease = leaseOf(args.target, context);
  const { member } = context.caller;
  lease.release(member, args.to);
  return { held: lease.holder === member, holder: lease.holder ?? null };
};

export const executionHandlers = {
  'execution.pause': pause,
  'execution.resume': resume,
  'execution.step': step,
  'execution.restart': restart,
  'lease.take': take,
  'lease.release': release,
};

function leaseOf(target: Parameters<typeof requestedTarget>[0], context: CallContext): DriverLease {
  const hosted = requestedTarget(target, context);
  // Throws TARGET_GONE for one that ended: there is nothing to drive.
  void hosted.session;
  return hosted.driving.lease;
}

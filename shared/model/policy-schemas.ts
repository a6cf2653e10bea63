/** Policies as they are written down. Apart from policy.ts, whose words the command line needs before any schema. */

import { z } from 'zod';
import { LEVELS, type LevelRules, type PolicyRules, RULE_NAMES, VERDICTS } from './policy.ts';

export const policyRulesSchema: z.ZodType<PolicyRules> = z.partialRecord(z.enum(RULE_NAMES), z.enum(VERDICTS));
export const levelRulesSchema: z.ZodType<LevelRules> = z.partialRecord(z.enum(LEVELS), policyRulesSchema);

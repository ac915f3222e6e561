/**
 * One seed for all property tests, so that a run that fails fails again, and one that passed does not fail for what it
 * drew. `FORERUN_SEED=random` draws another one each time, to look further: a failure then prints its seed and path.
 */

import fc from 'fast-check';

const asked = process.env['FORERUN_SEED'] ?? '20261124';

if (asked !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });

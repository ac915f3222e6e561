/** A call's story in words. Apart from the handle, so that a page which tells it to nobody does not carry the words. */

import type { CallHandle } from './call-handle.ts';
import type { PredictionSummary } from './host-api.ts';

/** What has become of a call so far and why, for people: to be shown while developing, or logged. */
export function explain({ prediction, outcomeChanges, replays, confirmation, error }: CallHandle): string {
  const parts = [predictionText(prediction)];
  if (outcomeChanges > 0)
    parts.push(`A replay on rows that others had changed made it do something else, ${times(outcomeChanges)}.`);
  if (error !== undefined) parts.push(`It was rejected: ${error.message}`);
  else if (confirmation === undefined) parts.push('The authority has not answered it yet.');
  else {
    if (replays > 0) parts.push(`It ran again ${times(replays)} before it was confirmed.`);
    if (confirmation.asPredicted) parts.push('The authority did what was predicted.');
    else if (prediction?.type === 'unpredicted') parts.push('It was confirmed.');
    else
      parts.push(
        'The authority did something else than predicted: it ran on other rows, at another time, or with other ids.',
      );
  }
  return parts.join(' ');
}

function predictionText(prediction: PredictionSummary | undefined): string {
  switch (prediction?.type) {
    case undefined:
      return 'It has not run here yet.';
    case 'predicted':
      return `It was predicted, and changes ${prediction.changedRows} row${prediction.changedRows === 1 ? '' : 's'} here.`;
    case 'failing':
      return `Its prediction fails (${prediction.rejection.message}); it was sent all the same.`;
    case 'unpredicted':
      return `It was not predicted. ${prediction.reason}`;
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

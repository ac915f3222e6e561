/**
 * Stopping when the process is told to: SIGTERM and SIGINT close what is served, and end the process with 0 when all of it
 * is durable.
 *
 * Law: the process ends within `drainMsMax` of the signal. If closing takes longer, or fails, it ends with 1: nothing
 * acknowledged is lost by that, and the next start runs what could not be run any more. A second signal ends it at once.
 */

const drainMsMax = 4_500;
const secondSignalCode = 130;

export interface DrainOptions {
  readonly close: () => Promise<void>;
  /** What went wrong, for people. */
  readonly failed: (error: unknown) => void;
}

/** Gives what stops listening to the signals. */
export function closeOnSignals({ close, failed }: DrainOptions): () => void {
  let isClosing = false;
  const end = (): void => {
    if (isClosing) process.exit(secondSignalCode);
    isClosing = true;
    const late = setTimeout(() => {
      failed(new Error(`Closing took more than ${drainMsMax} ms.`));
      process.exit(1);
    }, drainMsMax);
    close().then(
      () => {
        clearTimeout(late);
        process.exit(0);
      },
      (error: unknown) => {
        failed(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  return () => {
    process.off('SIGTERM', end);
    process.off('SIGINT', end);
  };
}

/** How long the host runs queries before it hears its pages. */
export const sliceMs = 8;

/**
 * What a page and its host say to each other, through a message port, a worker or a broadcast channel: calls of the host's
 * methods, answers to those that are waited for, and events.
 *
 * Law: all of it goes the same way, and so in order. An answer is sent when the method's promise settles, and an error of
 * ours is one of ours at the other side as well, with its code.
 */

import { type ErrorCode, ForerunError } from '../../core/errors.ts';
import type { HostEvent, HostListener } from '../client/host-api.ts';

/** Both sides speak the same version of this file's messages, or not at all: part of what tabs compare. */
export const portVersion = 1;

export interface Port {
  readonly postMessage: (message: unknown) => void;
  readonly addEventListener: (type: 'message', listener: (event: Event) => void) => void;
  readonly removeEventListener: (type: 'message', listener: (event: Event) => void) => void;
  /** A message port keeps its messages until then. */
  readonly start?: () => void;
  readonly close?: () => void;
}

type Method = (...args: never) => unknown;
type Methods<T> = { readonly [K in keyof T]: Method };

type PortMessage =
  | { readonly forerun: 'call'; readonly method: string; readonly args: readonly unknown[]; readonly callId: number }
  | { readonly forerun: 'answer'; readonly callId: number; readonly result: Result }
  | { readonly forerun: 'events'; readonly events: readonly HostEvent[] };

type Result = { readonly value: unknown } | { readonly code: ErrorCode | undefined; readonly message: string };

/** Nobody waits for an answer. */
const unanswered = 0;

/** The side that calls. */
export class CallPort<T extends Methods<T>> {
  readonly #port: Port;
  readonly #stop: () => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<never>>();
  #listener: HostListener = () => {};
  #lastId = unanswered;
  #isReleased = false;

  constructor(port: Port) {
    this.#port = port;
    this.#stop = hear(port, (message) => {
      if (message.forerun === 'events') this.#listener(message.events);
      else if (message.forerun === 'answer') this.#answered(message.callId, message.result);
    });
  }

  /** Who hears events from here on. */
  listen(listener: HostListener): void {
    this.#listener = listener;
  }

  /** What comes of it arrives as events. Does nothing when released: another host is found, and told again. */
  send<K extends keyof T & string>(method: K, ...args: Parameters<T[K]>): void {
    if (!this.#isReleased) this.#post(method, args, unanswered);
  }

  /** Never settles when the other side is gone, or when released. */
  ask<K extends keyof T & string>(method: K, ...args: Parameters<T[K]>): Promise<Awaited<ReturnType<T[K]>>> {
    const callId = ++this.#lastId;
    const asked = Promise.withResolvers<never>();
    if (this.#isReleased) return asked.promise;
    this.#waiting.set(callId, asked);
    this.#post(method, args, callId);
    return asked.promise;
  }

  /** Neither says nor hears anything more. */
  release(): void {
    this.#isReleased = true;
    this.#stop();
    this.#waiting.clear();
    this.#port.close?.();
  }

  #post(method: string, args: readonly unknown[], callId: number): void {
    this.#port.postMessage({ forerun: 'call', method, args, callId } satisfies PortMessage);
  }

  #answered(callId: number, result: Result): void {
    const asked = this.#waiting.get(callId);
    this.#waiting.delete(callId);
    if ('value' in result) asked?.resolve(result.value as never);
    else asked?.reject(errorOf(result.code, result.message));
  }
}

function errorOf(code: ErrorCode | undefined, message: string): Error {
  return code === undefined ? new Error(message) : new ForerunError(code, message);
}

export function sendEvents(port: Port, events: readonly HostEvent[]): void {
  port.postMessage({ forerun: 'events', events } satisfies PortMessage);
}

/** The side that is called: with functions of its own, which need no `this`. */
export function answerCalls<T extends Methods<T>>(port: Port, api: T): void {
  const methods = new Map<string, unknown>(Object.entries(api));
  hear(port, (message) => {
    if (message.forerun !== 'call') return;
    const { method, args, callId } = message;
    const act = (): unknown => (methods.get(method) as (...list: readonly unknown[]) => unknown)(...args);
    if (callId === unanswered) return withoutAnswer(act);
    new Promise((resolve) => resolve(act())).then(
      (value) => answer(port, callId, { value }),
      (error: unknown) => answer(port, callId, failureOf(error)),
    );
  });
}

function withoutAnswer(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    // The page asked while it was being closed, and has told its caller so.
    if (!(error instanceof ForerunError) || error.code !== 'client-closed') throw error;
  }
}

function answer(port: Port, callId: number, result: Result): void {
  port.postMessage({ forerun: 'answer', callId, result } satisfies PortMessage);
}

function failureOf(error: unknown): Result {
  if (error instanceof ForerunError) return { code: error.code, message: error.message };
  return { code: undefined, message: error instanceof Error ? error.message : String(error) };
}

function hear(port: Port, act: (message: PortMessage) => void): () => void {
  const listener = (event: Event): void => {
    const { data } = event as MessageEvent<unknown>;
    // Only this file's functions make messages with this field.
    if (typeof data === 'object' && data !== null && 'forerun' in data) act(data as PortMessage);
  };
  port.addEventListener('message', listener);
  port.start?.();
  return () => port.removeEventListener('message', listener);
}

/**
 * The builder's data → a plan, checked against a module: every name is there, every value is canonical and of the type
 * that it is compared with. Every refusal is `query-invalid` and says what to write.
 */

import { compileCanonical } from '../codec/canonical.ts';
import { ForerunError } from '../errors.ts';
import type { TableDefinition } from '../module/definition.ts';
import {
  type ConditionSpec,
  type FieldSpec,
  type QuerySpec,
  selected,
  type SelectSpec,
  type ValueSpec,
} from '../module/query-spec.ts';
import type { ColumnType } from '../value/column-type.ts';
import {
  and,
  type ColumnOperand,
  comparedType,
  conjuncts,
  type Expression,
  isComparable,
  type Operand,
} from './expression.ts';
import type { JoinCondition, QuerySource } from './plan.ts';
import type { Aggregate, OrderTerm, Output, ResultPlan, SelectedColumn } from './result-plan.ts';
import { resultType, selectedType } from './result-type.ts';
import { halfCharacter } from './token.ts';

/** What of a module a query is checked against. */
export interface TablesDefined {
  readonly tables: readonly TableDefinition[];
}

export interface PlanOptions {
  /** Tables that the query may name; others are as unknown as ones that don't exist. */
  readonly isVisible: (table: TableDefinition) => boolean;
}

/** Throws `query-invalid`. */
export function planQuery(spec: QuerySpec, definition: TablesDefined, { isVisible }: PlanOptions): ResultPlan {
  const tables = spec.tables.map((accessor) => visibleTable(accessor, definition, isVisible));
  const scope = new Scope(tables);
  const { joins, rest } = joinsOf(spec.on.map((condition) => scope.condition(condition)));
  const rows = {
    sources: scope.sources,
    result: spec.result ?? 0,
    joins,
    where: and([...rest, ...spec.where.map((condition) => scope.condition(condition))]),
  };
  const output = outputOf(spec, scope);
  scope.selects(output);
  return {
    rows,
    output:
      output.type === 'groups'
        ? { ...output, having: and(spec.having.map((condition) => scope.condition(condition))) }
        : output,
    orderBy: spec.orderBy.map(({ field, descending }): OrderTerm => ({ operand: scope.ordered(field), descending })),
    limit: spec.limit,
    offset: spec.offset,
    rowType: resultType(spec, tables),
  };
}

/** The type of a selected column's values. */
export function outputType(column: SelectedColumn | Aggregate): ColumnType {
  return selectedType(column.type === 'column' ? undefined : column.type, column.operand?.valueType);
}

class Scope {
  readonly sources: readonly QuerySource[];
  #outputs: readonly (SelectedColumn | Aggregate)[] = [];
  #isGrouped = false;

  constructor(tables: readonly TableDefinition[]) {
    this.sources = tables.map((table, i) => ({
      table,
      alias: tables.indexOf(table) === i ? table.name : `${table.name}_${i + 1}`,
    }));
  }

  /** From here on, columns of the result can be named. */
  selects(output: Output): void {
    this.#outputs = output.type === 'rows' ? [] : output.columns;
    this.#isGrouped = output.type === 'groups';
  }

  column({ table, field }: FieldSpec): ColumnOperand {
    if (table === selected) return this.#output(field);
    const source = this.sources[table];
    const position = source?.table.columns.findIndex((column) => column.field === field) ?? -1;
    const column = source?.table.columns[position];
    if (source === undefined || column === undefined)
      throw refused(`there is no column '${field}'${source === undefined ? '' : ` in ${source.table.accessor}`}`);
    return { type: 'column', source: table, column: position, field, name: column.name, valueType: column.type };
  }

  ordered(field: FieldSpec): ColumnOperand {
    const operand = this.column(field);
    if (!isComparable(operand.valueType)) throw refused(`'${field.field}' has no order: its type is composite`);
    return operand;
  }

  condition(spec: ConditionSpec): Expression {
    switch (spec.type) {
      case 'constant':
        return spec;
      case 'and':
        return and(spec.parts.map((part) => this.condition(part)));
      case 'or':
        return { type: 'or', parts: spec.parts.map((part) => this.condition(part)) };
      case 'not':
        return { type: 'not', part: this.condition(spec.part) };
      case 'compare': {
        const left = this.ordered(spec.left);
        return { type: 'compare', op: spec.op, left, right: this.#value(spec.right, left) };
      }
      case 'in': {
        const operand = this.ordered(spec.field);
        return {
          type: 'in',
          operand,
          values: spec.values.map((value) => this.#value({ type: 'value', value }, operand)),
        };
      }
      case 'like': {
        const operand = this.column(spec.field);
        if (comparedType(operand.valueType).type !== 'string')
          throw refused(`like is for texts, and '${operand.field}' is none`);
        if (typeof spec.pattern !== 'string')
          throw refused(`like takes a text such as 'a%', got ${typeof spec.pattern}`);
        if (!spec.pattern.isWellFormed()) throw refused(`the text for like can not be: ${halfCharacter}`);
        return { type: 'like', operand, pattern: spec.pattern };
      }
      case 'isNull':
        return { type: 'isNull', operand: this.column(spec.field) };
    }
  }

  #value(spec: ValueSpec, left: ColumnOperand): Operand {
    const valueType = comparedType(left.valueType);
    if (spec.type === 'field') {
      const right = this.ordered(spec.field);
      if (!isSameType(valueType, comparedType(right.valueType)))
        throw refused(`'${left.field}' and '${right.field}' are of different types`);
      return right;
    }
    if (spec.value === undefined || spec.value === null)
      throw refused(`'${left.field}' is compared with no value; write isNull() or isNotNull()`);
    try {
      return { type: 'literal', value: compileCanonical(valueType, 'args-invalid')(spec.value, left.field), valueType };
    } catch (error) {
      throw error instanceof ForerunError ? refused(error.message) : error;
    }
  }

  #output(field: string): ColumnOperand {
    const column = this.#outputs.findIndex(({ name }) => name === field);
    const output = this.#outputs[column];
    if (output === undefined) throw refused(`there is no selected column '${field}'`);
    if (!this.#isGrouped && output.type === 'column') return output.operand;
    return { type: 'column', source: 0, column, field, name: `c${column}`, valueType: outputType(output) };
  }
}

function visibleTable(
  accessor: string,
  definition: TablesDefined,
  isVisible: PlanOptions['isVisible'],
): TableDefinition {
  const table = definition.tables.find((each) => each.accessor === accessor && isVisible(each));
  if (table === undefined) throw refused(`there is no table '${accessor}' that may be read here`);
  return table;
}

function outputOf(spec: QuerySpec, scope: Scope): Output {
  if (spec.select === undefined) {
    if (spec.result === undefined) throw refused('a join needs select(…), which says what of the rows is wanted');
    if (spec.groupBy.length > 0) throw refused('groupBy needs select(…), with what is wanted of each group');
    return { type: 'rows' };
  }
  if (spec.select.length === 0)
    throw refused('select(…) names no column: give it an object of them, (row) => ({ id: row.id })');
  const isGrouped = spec.groupBy.length > 0 || spec.select.some(({ aggregate }) => aggregate !== undefined);
  if (!isGrouped) {
    if (spec.having.length > 0) throw refused('having is for groups; use where');
    return { type: 'columns', columns: spec.select.map((each) => selectedColumn(each, scope)) };
  }
  const by = spec.groupBy.map((field) => scope.ordered(field));
  const columns = spec.select.map((each) =>
    each.aggregate === undefined ? groupColumn(each, scope, by) : aggregateColumn(each, scope),
  );
  return { type: 'groups', by, columns, having: and([]) };
}

function selectedColumn({ name, field }: SelectSpec, scope: Scope): SelectedColumn {
  if (field === undefined) throw refused(`'${name}' is no column`);
  return { type: 'column', name, operand: scope.column(field) };
}

function groupColumn(spec: SelectSpec, scope: Scope, by: readonly ColumnOperand[]): SelectedColumn {
  const column = selectedColumn(spec, scope);
  const { source, field } = column.operand;
  if (!by.some((each) => each.source === source && each.field === field))
    throw refused(`'${field}' differs within a group: put it into groupBy, or take min, max, sum, avg or count of it`);
  return column;
}

function aggregateColumn({ name, aggregate, field }: SelectSpec, scope: Scope): Aggregate {
  if (aggregate === 'count' || aggregate === undefined)
    return { type: 'count', name, operand: field === undefined ? undefined : scope.column(field) };
  if (field === undefined) throw refused(`${aggregate} takes a column`);
  const operand = scope.ordered(field);
  if ((aggregate === 'sum' || aggregate === 'avg') && !isSummable(operand))
    throw refused(`${aggregate} takes numbers of at most 64 bits, and '${operand.field}' is none`);
  return aggregate === 'sum' || aggregate === 'avg'
    ? { type: aggregate, name, operand }
    : { type: aggregate, name, operand };
}

function isSummable({ valueType }: ColumnOperand): boolean {
  return /^([iu](8|16|32|64)|f32|f64)$/.test(comparedType(valueType).type);
}

/** Each further table has an equality with one before it; what else `on` says is a condition like any other. */
function joinsOf(on: readonly Expression[]): { joins: JoinCondition[]; rest: Expression[] } {
  const joins: JoinCondition[] = [];
  const rest: Expression[] = [];
  for (const [i, condition] of on.entries()) {
    const place = i + 1;
    let isJoined = false;
    for (const part of conjuncts(condition)) {
      const join = equalityOf(part, place);
      if (join === undefined) rest.push(part);
      else joins.push(join);
      isJoined ||= join !== undefined;
    }
    if (!isJoined)
      throw refused('a join compares a column of each table: (message, user) => message.sender.eq(user.identity)');
  }
  return { joins, rest };
}

function equalityOf(part: Expression, place: number): JoinCondition | undefined {
  if (part.type !== 'compare' || part.op !== 'eq' || part.left.type !== 'column' || part.right.type !== 'column')
    return undefined;
  const { left, right } = part;
  const isOfPlace = (left.source === place) !== (right.source === place);
  return isOfPlace && Math.max(left.source, right.source) === place ? { left, right } : undefined;
}

function isSameType(a: ColumnType, b: ColumnType): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function refused(problem: string): ForerunError {
  return new ForerunError('query-invalid', `Query builder: ${problem.replace(/\.$/, '')}.`);
}

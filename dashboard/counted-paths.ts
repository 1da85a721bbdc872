import { METRICS_PATH } from '../src/metrics/answer-metrics.js';
import { SIGN_IN_PATH, SIGN_OUT_PATH } from './access/paths.js';
import { AUDIT_PATH } from './audit/audit-page.js';
import { CHANGED_JOBS_PATH } from './audit/changed-jobs.js';
import { BOARD_PATH } from './board/board-name.js';
import { BOARD_SCRIPT_PATH } from './board/board-script.js';
import { REMOVE_WAITING_PATH } from './board/remove-pages.js';
import { ASSETS_PATH, FIND_PATH, KEYS_PATH, revertPath } from './cells/links.js';
import { DOCUMENTS_PATH, RUNBOOK_PATH } from './documents/links.js';
import { FAILURES_PATH, REMOVE_PATH, RETRY_PATH } from './failures/links.js';
import { OVERVIEW_PART_PATH, OVERVIEW_PATH, WORKER_ORDER_PATH } from './overview/links.js';
import { PAGE_SCRIPT_PATH } from './page-script.js';
import { ICON_PATH, STYLESHEET_PATH } from './page.js';
import { SCHEDULES_PATH } from './schedules/schedules-page.js';
import { WEBHOOKS_PATH } from './webhooks/webhooks-page.js';

/** By which requests are counted: all others are `other`. One that ends in `/` stands for all below it, the first that fits counts. */
export const COUNTED_PATHS: readonly string[] = [
  ...['/healthz', '/readyz', METRICS_PATH],
  ...[OVERVIEW_PATH, OVERVIEW_PART_PATH, WORKER_ORDER_PATH],
  ...[RUNBOOK_PATH, `${RUNBOOK_PATH}/{part}`, `${DOCUMENTS_PATH}/{name}`],
  ...[FAILURES_PATH, RETRY_PATH, REMOVE_PATH, `${FAILURES_PATH}/of-queue`, REMOVE_WAITING_PATH],
  ...[KEYS_PATH, FIND_PATH, revertPath('{id}'), SCHEDULES_PATH, WEBHOOKS_PATH],
  ...[AUDIT_PATH, `${CHANGED_JOBS_PATH}/{id}`],
  ...[SIGN_IN_PATH, SIGN_OUT_PATH, STYLESHEET_PATH, ICON_PATH, PAGE_SCRIPT_PATH, BOARD_SCRIPT_PATH, `${ASSETS_PATH}/`],
  ...[`${BOARD_PATH}/api/`, `${BOARD_PATH}/`, BOARD_PATH],
];

import type { RequestHandler } from 'express';

export const PAGE_SCRIPT_PATH = '/ops/page.js';

/**
 * Runs in the browser, on the pages that have times. It puts these into the zone of the reader, in 24 hours, and says which zone that
 * is. What has `data-live` is fetched anew every so many seconds, while somebody can see it, and takes the place of what was there.
 */
const PAGE_SCRIPT = `(() => {
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
const parts = (date) => Object.fromEntries(new Intl.DateTimeFormat('en-GB', {
  year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  fractionalSecondDigits: 3, hourCycle: 'h23',
}).formatToParts(date).map(({ type, value }) => [type, value]));

function localTimes(within) {
  for (const element of within.querySelectorAll('time[datetime]')) {
    const date = new Date(element.dateTime);
    const { year, month, day, hour, minute, second, fractionalSecond } = parts(date);
    const fraction = element.dataset.precision === 'ms' ? '.' + fractionalSecond : '';
    element.textContent = year + '-' + month + '-' + day + ' ' + hour + ':' + minute + ':' + second + fraction;
    element.title = date.toISOString() + ', UTC';
  }
  for (const element of within.querySelectorAll('.zone')) {
    element.textContent = timeZone;
  }
}

localTimes(document);

for (const element of document.querySelectorAll('[data-live]')) {
  const stale = document.getElementById('stale');
  const old = stale?.textContent;
  let isAsking = false;
  setInterval(async () => {
    if (document.hidden || isAsking || element.contains(document.activeElement?.closest('form, summary'))) {
      return;
    }
    isAsking = true;
    try {
      const answer = await fetch(element.dataset.live, { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(20000) });
      if (!answer.ok || answer.redirected) {
        throw new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('.trouble');
      }
      const open = [...element.querySelectorAll('details')].map((each) => each.open);
      element.innerHTML = await answer.text();
      [...element.querySelectorAll('details')].forEach((each, place) => { each.open = open[place] ?? false; });
      localTimes(element);
      if (stale !== null) stale.hidden = true;
    } catch (trouble) {
      if (stale === null) return;
      stale.replaceChildren(...(trouble instanceof Element ? ['These numbers are old. ', ...trouble.childNodes] : [old]));
      localTimes(stale);
      stale.hidden = false;
    } finally {
      isAsking = false;
    }
  }, Number(element.dataset.everyMs));
}
})();
`;

/** Serves the script of the pages. */
export const sendPageScript: RequestHandler = (_request, response) => {
  response.type('text/javascript').send(PAGE_SCRIPT);
};

/** What a page with times loads. */
export const PAGE_ASSETS = { styles: [], scripts: [PAGE_SCRIPT_PATH] } as const;

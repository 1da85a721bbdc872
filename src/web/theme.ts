/** Colours of every page of Tally, those of Bull Board, as custom properties of CSS. */
export const LIGHT_COLOURS = `
  --background: #f3f5f7;
  --foreground: #20262c;
  --card: #fff;
  --muted: #eaeef2;
  --muted-foreground: #5f6b76;
  --primary: #0f6f64;
  --primary-foreground: #f0faf8;
  --destructive: #b3261e;
  --destructive-foreground: #fff;
  --bad: #fbe9e7;
  --warn: #fdf1dc;
  --warn-foreground: #7a4a05;
  --good: #dff3ef;
  --good-foreground: #0b5a51;
  --border: #e2e7ec;
  --input: #d4dbe2;
  --series: #2563eb;
  --compared: #b45309;`;

const DARK_COLOURS = `
  --background: #151a21;
  --foreground: #d5dce4;
  --card: #1c232d;
  --muted: #232b36;
  --muted-foreground: #8b96a5;
  --primary: #3ecfb2;
  --primary-foreground: #0c1f1b;
  --destructive: #f0857e;
  --destructive-foreground: #2b0d0a;
  --bad: #3a2224;
  --warn: #382c17;
  --warn-foreground: #f0c474;
  --good: #16332f;
  --good-foreground: #6fdcc6;
  --border: #2a3340;
  --input: #333e4d;
  --series: #5b8ad7;
  --compared: #e0a03c;`;

/** What each page begins with: colours by the scheme of the browser, fonts and measures. */
export const LOOK = `:root {
  color-scheme: light dark;${LIGHT_COLOURS}
  --radius: .375rem;
  --font-sans: "IBM Plex Sans", system-ui, -apple-system, "Segoe UI", sans-serif;
  --font-mono: "IBM Plex Mono", ui-monospace, SFMono-Regular, Menlo, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {${DARK_COLOURS}
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--foreground); font: 1rem/1.5 var(--font-sans); }
:focus-visible { outline: 3px solid var(--primary); outline-offset: 2px; }`;
